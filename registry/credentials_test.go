package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

const password = "hunter2-and-more"

func TestCredentialsComeFromADockerConfigFile(t *testing.T) {
	t.Parallel()
	server := guarded(t)
	for name, entry := range map[string]string{
		"as docker login writes them":  fmt.Sprintf(`"%s":{"auth":"%s"}`, server.Host(), basic("lab", password)),
		"as a URL, as docker once did": fmt.Sprintf(`"https://%s/v1/":{"auth":"%s"}`, server.Host(), basic("lab", password)),
		"in the clear":                 fmt.Sprintf(`"%s":{"username":"lab","password":"%s"}`, server.Host(), password),
	} {
		r := at(t, server.Host(), configured(write(t, "config.json", []byte(`{"auths":{`+entry+`}}`))))
		if _, err := push(t, r, voice()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBasicCredentialsCostOneRequestMore(t *testing.T) {
	t.Parallel()
	server := guarded(t)
	r := at(t, server.Host(), configured(login(t, server.Host(), password)))
	mustPush(t, r, voice())
	if n := server.Tally().Total(); n != 8 {
		t.Errorf("the first push asks %d times: %s", n, server.Tally())
	}
	before := server.Tally()
	mustPush(t, r, voice())
	if got := server.Tally().Since(before).String(); got != "GET manifest 1" {
		t.Errorf("the second push asks %s", got)
	}
}

// Not parallel: a credential helper is found through PATH.
func TestCredentialsComeFromACredentialHelper(t *testing.T) {
	server := guarded(t)
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || { echo 'credentials not found in native keychain'; exit 1; }\n"+
		`echo '{"ServerURL":"%[1]s","Username":"lab","Secret":"%[2]s"}'`+"\n", server.Host(), password)
	helper(t, bin, "lab", script)
	helper(t, bin, "broken", "#!/bin/sh\necho 'the secret is "+password+"'\nexit 3\n")
	helper(t, bin, "babbling", "#!/bin/sh\necho 'the secret is "+password+"'\n")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))

	for name, config := range map[string]string{
		"of the host":    fmt.Sprintf(`{"credHelpers":{"%s":"lab"}}`, server.Host()),
		"of all":         `{"credsStore":"lab"}`,
		"beside another": fmt.Sprintf(`{"credsStore":"broken","credHelpers":{"%s":"lab"}}`, server.Host()),
	} {
		r := at(t, server.Host(), configured(write(t, "config.json", []byte(config))))
		if _, err := push(t, r, voice()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"broken": "docker-credential-NAME get", "babbling": "docker-credential-NAME get", "missing": "install it",
	} {
		r := at(t, server.Host(), configured(write(t, "config.json", []byte(`{"credsStore":"`+name+`"}`))))
		_, err := push(t, r, voice())
		says(t, err, want)
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
}

// Not parallel: it changes HOME.
func TestTheFileInTheHomeOfTheUserIsNotLookedAt(t *testing.T) {
	server := guarded(t)
	home := t.TempDir()
	if err := os.MkdirAll(home+"/.docker", 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(login(t, server.Host(), password))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(home+"/.docker/config.json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", home+"/.docker")
	_, err = push(t, at(t, server.Host()), voice())
	says(t, err, "registry.auth.dockerConfigFile")
	if !errors.Is(err, auth.ErrBasicCredentialNotFound) {
		t.Error(err)
	}
}

func TestAHostGetsItsOwnCredentialsAndNoOthers(t *testing.T) {
	t.Parallel()
	server := guarded(t)
	r := at(t, server.Host(), configured(login(t, "another.example.com", password)))
	_, err := push(t, r, voice())
	if !errors.Is(err, auth.ErrBasicCredentialNotFound) {
		t.Error(err)
	}
}

// B44
func TestCredentialsDoNotFollowARedirect(t *testing.T) {
	t.Parallel()
	authority, err := door.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "ca.pem", authority.PEM())
	var heard atomic.Value
	store := door.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard.Store(r.Header.Get("Authorization"))
		w.Header().Set("WWW-Authenticate", `Basic realm="give it to me"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	if err := store.Open("", authority); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	front := door.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, store.URL()+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	if err := front.Open("", authority); err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	r := at(t, front.Host(), configured(login(t, front.Host(), password)), func(o *Options) { o.PlainHTTP, o.CAFile = false, file })
	if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err == nil {
		t.Error("no error")
	}
	if got := heard.Load(); got != "" {
		t.Errorf("the other host heard %q", got)
	}
}

// B44: TLS is no protection here, for the other host has a certificate as well.
func TestCredentialsDoNotFollowAnUploadOrAPageToAnotherHost(t *testing.T) {
	t.Parallel()
	authority, err := door.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	var heard, led atomic.Int64
	thief := door.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.ContentLength > 0 {
			heard.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="give it to me"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	if err := thief.Open("", authority); err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	front := door.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case r.Method == http.MethodPost:
			led.Add(1)
			w.Header().Set("Location", thief.URL()+"/upload")
			w.WriteHeader(http.StatusAccepted)
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			led.Add(1)
			w.Header().Set("Link", "<"+thief.URL()+r.URL.Path+`>; rel="next"`)
			fmt.Fprint(w, `{"tags":["0.9.0_x"]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	if err := front.Open("", authority); err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	ca := write(t, "ca.pem", authority.PEM())
	r := at(t, front.Host(), configured(login(t, front.Host(), password)), func(o *Options) { o.PlainHTTP, o.CAFile = false, ca })
	h, err := r.chart("voice")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.put(t.Context(), content.NewDescriptorFromBytes(layerType, []byte("x")), []byte("x")); err == nil {
		t.Error("the upload went somewhere")
	}
	if _, err := r.Versions(t.Context(), "voice"); err == nil {
		t.Error("the other host gave a page")
	}
	if led.Load() != 2 || heard.Load() != 0 {
		t.Errorf("led away %d times, the other host heard something %d times", led.Load(), heard.Load())
	}
}

// B44
func TestATokenRealmAtAPrivateAddressGetsNoCredentials(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer thief.Close()
	for _, realm := range []string{
		strings.Replace(thief.URL, "127.0.0.1", "127.0.0.2", 1), "http://169.254.169.254/latest", "https://10.0.0.1/", "ftp://tokens.example.com",
		"http://127.1.1.1:80/", thief.URL,
	} {
		host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="lab"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		r := at(t, host, configured(login(t, host, password)))
		if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", realm, err)
		}
	}
	if n := heard.Load(); n != 0 {
		t.Errorf("credentials may have been sent %d times", n)
	}
}

func TestCredentialsMayBeRotated(t *testing.T) {
	t.Parallel()
	users := write(t, "htpasswd", nil)
	accept := func(password string) {
		line, err := ocid.HTPasswdLine("lab", password)
		if err != nil {
			t.Fatal(err)
		}
		// The file is replaced, as a mounted secret is: distribution reads it again when its time changes.
		if err := os.WriteFile(users+".new", line, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(users+".new", users); err != nil {
			t.Fatal(err)
		}
	}
	accept("first")
	server, err := ocid.Start(ocid.Options{HTPasswd: users})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	file := login(t, server.Host(), "first")
	r := at(t, server.Host(), configured(file))
	mustPush(t, r, voice())
	accept("second")
	text, err := os.ReadFile(login(t, server.Host(), "second"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	mustPush(t, r, voice(func(s *sample) { s.version = "1.1.0" }))
}

func TestNoErrorRepeatsASecret(t *testing.T) {
	t.Parallel()
	server := guarded(t)
	encoded := basic("lab", password)
	echo := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Basic realm="lab"`)
		w.WriteHeader(http.StatusUnauthorized)
		user, secret, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"%s: %s %s is wrong"}]}`, r.Header.Get("Authorization"), user, secret)
		return true
	})
	for name, c := range map[string]struct{ host, config string }{
		"wrong":              {server.Host(), `{"auths":{"HOST":{"username":"lab","password":"` + password + `x"}}}`},
		"without a colon":    {server.Host(), `{"auths":{"HOST":{"auth":"` + base64.StdEncoding.EncodeToString([]byte(password)) + `"}}}`},
		"no base64":          {server.Host(), `{"auths":{"HOST":{"auth":"` + password + `!"}}}`},
		"a bad entry":        {server.Host(), `{"auths":{"HOST":"` + password + `"}}`},
		"no user":            {server.Host(), `{"auths":{"HOST":{"password":"` + password + `"}}}`},
		"repeated by server": {echo, `{"auths":{"HOST":{"auth":"` + encoded + `"}}}`},
	} {
		file := write(t, "config.json", []byte(strings.Replace(c.config, "HOST", c.host, 1)))
		_, err := push(t, at(t, c.host, configured(file)), voice())
		if err == nil {
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), encoded) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

// I6: an identity token is sent in a form, which a token server may repeat in any writing.
func TestNoErrorRepeatsAnIdentityToken(t *testing.T) {
	t.Parallel()
	const canary = "c4n/4ry+&<t0ken>"
	for name, repeat := range map[string]func(r *http.Request) string{
		"plain":   func(r *http.Request) string { return r.Form.Get("refresh_token") },
		"form":    func(r *http.Request) string { return r.Form.Encode() },
		"escaped": func(r *http.Request) string { return url.PathEscape(r.Form.Get("refresh_token")) },
	} {
		for _, inGo := range []bool{true, false} { // others escape the slash alone
			var asked atomic.Bool
			host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/token" {
					w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="lab"`)
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				if err := r.ParseForm(); err != nil || r.Form.Get("refresh_token") != canary {
					t.Errorf("%s: %q (%v)", name, r.Form, err)
				}
				asked.Store(true)
				w.WriteHeader(http.StatusUnauthorized)
				message := "refused: " + repeat(r)
				if !inGo {
					fmt.Fprintf(w, `{"errors":[{"code":"UNAUTHORIZED","message":"%s"}]}`, strings.ReplaceAll(message, "/", `\/`))
					return true
				}
				if err := json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": "UNAUTHORIZED", "message": message}}}); err != nil {
					t.Error(err)
				}
				return true
			})
			file := write(t, "config.json", []byte(`{"auths":{"`+host+`":{"identitytoken":"`+canary+`"}}}`))
			_, err := at(t, host, configured(file)).Versions(t.Context(), "voice")
			if err == nil || !asked.Load() {
				t.Errorf("%s: asked %v (%v)", name, asked.Load(), err)
				continue
			}
			says(t, err, "refused: ", "***")
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "c4n") || strings.Contains(err.Error(), "t0ken>") {
				t.Errorf("%s, by Go %v: the error repeats it: %v", name, inGo, err)
			}
		}
	}
}

func TestADockerConfigFileThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"missing":  filepath.Join(t.TempDir(), "config.json"),
		"no JSON":  write(t, "config.json", []byte(password)),
		"no auths": write(t, "config.json", []byte(`{"auths":["`+password+`"]}`)),
	} {
		_, err := New(Options{URL: "oci://ghcr.io/acme", DockerConfigFile: file})
		says(t, err, "registry.auth.dockerConfigFile", "docker login")
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func TestWithoutCredentialsAnOpenRegistryIsEnough(t *testing.T) {
	t.Parallel()
	mustPush(t, at(t, inMemory(t, mem.Options{}).Host()), voice())
}

// guarded is a registry that asks for the user lab.
func guarded(t *testing.T) *ocid.Server {
	t.Helper()
	line, err := ocid.HTPasswdLine("lab", password)
	if err != nil {
		t.Fatal(err)
	}
	server, err := ocid.Start(ocid.Options{HTPasswd: write(t, "htpasswd", line)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// login is a docker config file as docker login writes it.
func login(t *testing.T, host, password string) string {
	t.Helper()
	return write(t, "config.json", fmt.Appendf(nil, `{"auths":{"%s":{"auth":"%s"}}}`, host, basic("lab", password)))
}

func configured(file string) func(*Options) {
	return func(o *Options) { o.DockerConfigFile = file }
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func helper(t *testing.T, bin, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-"+name), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
}
