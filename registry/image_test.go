package registry

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

func TestAnImageIsNotThereUntilItIsPushed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		name := server.Host() + "/charts/voice:1.0.0" // to a registry a chart is as good as an image
		for range 2 {
			there, err := r.Image(t.Context(), name, nil)
			if !errors.Is(err, ErrNotFound) || there != (Image{Reference: name}) {
				t.Fatalf("got %+v, %v", there, err)
			}
			says(t, err, name+": not in the registry; push it")
		}
		pushed := mustPush(t, r, voice())
		before := server.Tally()
		for range 2 {
			if there, err := r.Image(t.Context(), name, nil); err != nil || there != (Image{name, pushed.Digest()}) {
				t.Fatalf("got %+v, %v", there, err)
			}
		}
		if got := server.Tally().Since(before).String(); got != "HEAD manifest 2" {
			t.Errorf("two looks ask %s", got)
		}
	})
}

// B23: as for dependencies, a host that nobody named is not asked.
func TestAnImageIsLookedForOnNamedHostsAlone(t *testing.T) {
	t.Parallel()
	own, listed, other := inMemory(t, mem.Options{}), inMemory(t, mem.Options{}), inMemory(t, mem.Options{})
	r := at(t, own.Host())
	for name, want := range map[string]string{
		other.Host() + "/acme/app:v1":         "the host " + other.Host() + " of the image is not an allowed one; list it in image.hosts",
		"169.254.169.254/latest/meta-data:v1": "the host 169.254.169.254 of the image is not an allowed one",
		"nginx:1.29":                          "the host docker.io of the image is not an allowed one",
		"acme/app:v1":                         "the host docker.io of the image is not an allowed one",
		strings.ToUpper("h") + ".io/app:v1":   "the host H.io of the image is not an allowed one",
		own.Host() + "/../app:v1":             "no repository:tag",
		own.Host() + "/app":                   "no repository:tag",
		own.Host() + "/app:v1:v2":             "no repository:tag",
		own.Host() + "/app@sha256:" + strings.Repeat("0", 64) + ":v1": "no repository:tag",
		own.Host() + "/app:v1@sha256:" + strings.Repeat("0", 64):      "no repository:tag",
		"http://" + own.Host() + "/app:v1":                            "no repository:tag",
		"sesame@" + own.Host() + "/app:v1":                            "no repository:tag",
		own.Host() + "/app:" + strings.Repeat("x", 129):               "no repository:tag",
		own.Host() + "/app:v1\nx":                                     "no repository:tag",
		"":                                                            "no repository:tag",
	} {
		_, err := r.Image(t.Context(), name, []string{listed.Host()})
		var no *charts.Unobtainable
		if !errors.As(err, &no) || no.Fix == "" {
			t.Errorf("%q: %v", name, err)
			continue
		}
		says(t, err, want)
		if strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: it is repeated: %v", name, err)
		}
	}
	if n := own.Tally().Total() + listed.Tally().Total() + other.Tally().Total(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	// Another host than the registry's own is asked over TLS alone.
	_, err := r.Image(t.Context(), listed.Host()+"/acme/app:v1", []string{listed.Host()})
	says(t, err, "Head \"https://"+listed.Host()+"/v2/acme/app/manifests/v1\"", "the registry speaks plain HTTP")
}

func TestAShortNameIsOneOfDockerHub(t *testing.T) {
	t.Parallel()
	stop := errors.New("no network in a test")
	for _, row := range []struct{ name, hosts, url, want string }{
		{"oci://ghcr.io/acme", "docker.io", "nginx:1.29", "https://registry-1.docker.io/v2/library/nginx/manifests/1.29"},
		{"oci://ghcr.io/acme", "docker.io", "acme/app:v1", "https://registry-1.docker.io/v2/acme/app/manifests/v1"},
		{"oci://ghcr.io/acme", "docker.io", "index.docker.io/acme/app:v1", "https://registry-1.docker.io/v2/acme/app/manifests/v1"},
		{"oci://registry-1.docker.io/acme", "", "acme/app:v1", "https://registry-1.docker.io/v2/acme/app/manifests/v1"},
		{"oci://ghcr.io/acme", "quay.io", "quay.io/acme/app:v1", "https://quay.io/v2/acme/app/manifests/v1"},
	} {
		var asked []string
		r, err := New(Options{URL: row.name, Proxy: func(req *http.Request) (*url.URL, error) {
			asked = append(asked, req.URL.String())
			return nil, stop
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Image(t.Context(), row.url, strings.Fields(row.hosts)); !errors.Is(err, stop) || len(asked) != 1 || asked[0] != row.want {
			t.Errorf("%s: it asks %q: %v", row.url, asked, err)
		}
	}
}

func TestARegistryThatKeepsAnImageToItselfOrIsIllDoesNotLackIt(t *testing.T) {
	t.Parallel()
	status := 0
	host := before(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(status)
		return true
	})
	for code, want := range map[int][]string{
		401: {"image " + host + "/acme/app:v1: ", "some registries say so of a repository that they do not have yet", "look at the credentials for that host in registry.auth.dockerConfigFile"},
		403: {"look at the credentials for that host in registry.auth.dockerConfigFile"},
		429: {"the registry asks for a longer pause than we wait"},
		503: {"try again, or ask who runs the registry"},
	} {
		status = code
		there, err := at(t, host).Image(t.Context(), host+"/acme/app:v1", nil)
		says(t, err, want...)
		var no *charts.Unobtainable
		if errors.Is(err, ErrNotFound) || errors.As(err, &no) || there.Digest != "" {
			t.Errorf("%d: %+v, %v", code, there, err)
		}
	}
}

func TestAnImageIsAskedForWithTheCredentialsOfItsHost(t *testing.T) {
	t.Parallel()
	server := guarded(t)
	r := at(t, server.Host(), configured(login(t, server.Host(), password)))
	if _, err := r.Image(t.Context(), server.Host()+"/acme/app:v1", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("with them: %v", err)
	}
	_, err := at(t, server.Host()).Image(t.Context(), server.Host()+"/acme/app:v1", nil)
	says(t, err, "name a docker config file with credentials for that host in registry.auth.dockerConfigFile")
	if errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
