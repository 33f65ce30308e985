package registry

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

func TestVersionsAreListedHighestFirst(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		for _, tag := range []string{
			"1.0.0", "1.10.0", "1.9.0", "1.10.0-rc.1", "1.10.0_build", "0.1.0-alpha",
			"latest", "v2.0.0", "3.0", "sha256-" + strings.Repeat("a", 64) + ".sig", "sha256-" + strings.Repeat("b", 64),
		} {
			stranger(t, r, tag, tag, nil)
		}
		got, err := r.Versions(t.Context(), "voice")
		want := []string{"1.10.0+build", "1.10.0", "1.10.0-rc.1", "1.9.0", "1.0.0", "0.1.0-alpha"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	})
}

func TestAChartThatWasNeverReleasedHasNoVersions(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		if got, err := r.Versions(t.Context(), "voice"); err != nil || len(got) != 0 {
			t.Errorf("got %q (%v)", got, err)
		}
		mustPush(t, r, voice())
		for _, version := range []string{"2.0.0", "1.0.0+a"} {
			_, err := r.Resolve(t.Context(), "voice", version)
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", version, err)
			}
		}
		_, err := r.ResolveDigest(t.Context(), "voice", "sha256:"+strings.Repeat("0", 64))
		if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		for _, digest := range []string{"", "1.0.0", "sha256:aa", "sha512:" + strings.Repeat("0", 128)} {
			_, err := r.ResolveDigest(t.Context(), "voice", digest)
			says(t, err, "write sha256: and 64 hex digits")
		}
	})
}

func TestATagThatSomebodyMovedIsNotThatVersion(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		pushed := mustPush(t, r, voice())
		repository, err := r.Repository("voice")
		if err != nil {
			t.Fatal(err)
		}
		if err := repository.Tag(t.Context(), pushed.Descriptor(), "2.0.0"); err != nil {
			t.Fatal(err)
		}
		_, err = r.Resolve(t.Context(), "voice", "2.0.0")
		if !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		says(t, err, "voice:2.0.0 holds version 1.0.0")
		_, err = push(t, r, voice(func(s *sample) { s.version = "2.0.0" }))
		if !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	})
}

func TestALibraryIsKnownAsOne(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		for _, library := range []bool{true, false} {
			chart := voice(func(s *sample) {
				if s.library = library; library {
					s.name = "voice-lib"
				}
			})
			for range 2 {
				if pushed := mustPush(t, r, chart); pushed.Library() != library {
					t.Errorf("pushed %s: library %v", chart.name, pushed.Library())
				}
			}
			if there, err := r.Resolve(t.Context(), chart.name, "1.0.0"); err != nil || there.Library() != library {
				t.Errorf("resolved %s: library %v (%v)", chart.name, there.Library(), err)
			}
		}
	})
}

func TestADependencyComesFromTheRegistryItself(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		mustPush(t, r, voice(func(s *sample) { s.version = "1.0.0+a" }))
		var getter charts.Getter = r
		for _, repository := range []string{"oci://" + server.Host() + "/charts", "oci://" + server.Host() + "/charts/"} {
			archive, err := getter.Get(t.Context(), repository, "voice", "1.0.0+a")
			if want := voice(func(s *sample) { s.version = "1.0.0+a" }).pack(t).Archive(); err != nil || !bytes.Equal(archive, want) {
				t.Errorf("%s: %d bytes (%v)", repository, len(archive), err)
			}
		}
		// It is not released yet: that is worth waiting for.
		_, err := getter.Get(t.Context(), "oci://"+server.Host()+"/charts", "voice", "2.0.0")
		var hopeless *charts.Unobtainable
		if !errors.Is(err, ErrNotFound) || errors.As(err, &hopeless) {
			t.Error(err)
		}
	})
}

// B23
func TestADependencyComesFromAnAllowedHostOnly(t *testing.T) {
	t.Parallel()
	elsewhere := inMemory(t, mem.Options{})
	authority, err := door.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	secure := inMemory(t, mem.Options{TLS: authority})
	caFile := write(t, "ca.pem", authority.PEM())
	mustPush(t, at(t, secure.Host(), func(o *Options) { o.PlainHTTP, o.CAFile = false, caFile }), voice())
	own := inMemory(t, mem.Options{})
	r := at(t, own.Host(), func(o *Options) { o.CAFile, o.DependencyHosts = caFile, []string{secure.Host()} })

	if _, err := r.Get(t.Context(), "oci://"+secure.Host()+"/charts", "voice", "1.0.0"); err != nil {
		t.Errorf("allowed: %v", err)
	}
	for name, c := range map[string]struct{ repository, chart, version, rule string }{
		"another host":       {"oci://" + elsewhere.Host() + "/charts", "voice", "1.0.0", "dependency-host"},
		"a metadata service": {"oci://169.254.169.254/latest", "voice", "1.0.0", "dependency-host"},
		"another scheme":     {"https://" + secure.Host() + "/charts", "voice", "1.0.0", "dependency-url"},
		"a password":         {"oci://lab:hunter2@" + secure.Host() + "/charts", "voice", "1.0.0", "dependency-url"},
		"no tag":             {"oci://" + secure.Host() + "/charts", "voice", "1.0.0 || 2", "dependency-version"},
		"no name":            {"oci://" + secure.Host() + "/charts", "../voice", "1.0.0", "dependency-url"},
		"not there":          {"oci://" + secure.Host() + "/charts", "voice", "2.0.0", "dependency-missing"},
	} {
		_, err := r.Get(t.Context(), c.repository, c.chart, c.version)
		var hopeless *charts.Unobtainable
		if !errors.As(err, &hopeless) || hopeless.Rule != c.rule || hopeless.Fix == "" {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
	if n := elsewhere.Tally().Total(); n != 0 {
		t.Errorf("a host that is not allowed was asked %d times", n)
	}
}

// B23: whoever writes a chart must not get through us what they may not read themselves.
func TestADependencyFromAnotherNamespaceOfTheOwnHostNeedsThatHostListed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		private := "oci://" + server.Host() + "/other-team/private"
		mustPush(t, at(t, server.Host(), func(o *Options) { o.URL = private }), voice())
		r := at(t, server.Host())
		root := at(t, server.Host(), func(o *Options) { o.URL = "oci://" + server.Host() })
		before := server.Tally()
		for name, c := range map[string]struct {
			registry               *Registry
			repository, chart, fix string
		}{
			"beside ours":         {r, private, "voice", "dependencies.hosts"},
			"the whole host":      {r, "oci://" + server.Host(), "voice", "dependencies.hosts"},
			"like ours":           {r, "oci://" + server.Host() + "/charts2", "voice", "dependencies.hosts"},
			"below ours":          {r, "oci://" + server.Host() + "/charts/private", "voice", "dependencies.hosts"},
			"below the root":      {root, private, "voice", "dependencies.hosts"},
			"through its name":    {root, "oci://" + server.Host(), "other-team/private/voice", "correct the name"},
			"through ours and up": {r, "oci://" + server.Host() + "/charts", "../other-team/private/voice", "correct the name"},
		} {
			_, err := c.registry.Get(t.Context(), c.repository, c.chart, "1.0.0")
			var hopeless *charts.Unobtainable
			if !errors.As(err, &hopeless) || !strings.Contains(hopeless.Fix, c.fix) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := server.Tally().Since(before); got.Total() != 0 {
			t.Errorf("it was asked: %s", got)
		}
		listed := at(t, server.Host(), func(o *Options) { o.DependencyHosts = []string{server.Host()} })
		if _, err := listed.Get(t.Context(), private, "voice", "1.0.0"); err != nil {
			t.Errorf("listed: %v", err)
		}
	})
}

func TestADependencyHostIsAHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "https://ghcr.io", "ghcr.io/acme", "*.example.com", "GHCR.io", "a@b"} {
		_, err := New(Options{URL: "oci://ghcr.io/acme", DependencyHosts: []string{host}})
		says(t, err, "write it as in a URL, lower case")
	}
}

func TestABaselineIsWrittenOnceAndNeverWidened(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		if _, found, err := r.Baseline(t.Context(), "platform"); err != nil || found {
			t.Fatalf("found %v (%v) before the first write", found, err)
		}
		tags := map[string]string{"voice-1.0.0": commitA, "v2.0.0+x": commitB}
		if err := r.WriteBaseline(t.Context(), "platform", tags); err != nil {
			t.Fatal(err)
		}
		before := server.Tally()
		if err := r.WriteBaseline(t.Context(), "platform", tags); err != nil {
			t.Errorf("the same again: %v", err)
		}
		for name, other := range map[string]map[string]string{
			"wider":        {"voice-1.0.0": commitA, "v2.0.0+x": commitB, "v3.0.0": commitB},
			"narrower":     {"voice-1.0.0": commitA},
			"other commit": {"voice-1.0.0": commitB, "v2.0.0+x": commitB},
			"empty":        nil,
		} {
			err := r.WriteBaseline(t.Context(), "platform", other)
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := server.Tally().Since(before).Writes(); n != 0 {
			t.Errorf("%d writes after the first", n)
		}
		got, found, err := r.Baseline(t.Context(), "platform")
		if err != nil || !found || len(got) != 2 || got["v2.0.0+x"] != commitB {
			t.Errorf("found %v %q (%v)", found, got, err)
		}
		if _, found, err := r.Baseline(t.Context(), "another"); err != nil || found {
			t.Errorf("another source: found %v (%v)", found, err)
		}
	})
}

func TestASourceWithoutTagsHasABaselineToo(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		for range 2 {
			if err := r.WriteBaseline(t.Context(), "platform", nil); err != nil {
				t.Fatal(err)
			}
		}
		if got, found, err := r.Baseline(t.Context(), "platform"); err != nil || !found || len(got) != 0 {
			t.Errorf("found %v %q (%v)", found, got, err)
		}
	})
}

func TestASourceNameThatMakesNoTagIsRefused(t *testing.T) {
	t.Parallel()
	r := at(t, "127.0.0.1:1")
	for _, source := range []string{"", "a/b", "a b", "a:b", strings.Repeat("a", 129)} {
		_, _, err := r.Baseline(t.Context(), source)
		says(t, err, "makes no tag")
		says(t, r.WriteBaseline(t.Context(), source, nil), "makes no tag")
	}
}

func TestWhatIsNoBaselineIsNotReadAsOne(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	r := at(t, server.Host())
	h, err := r.baselines("platform")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.writeBaseline(t.Context(), "another", map[string]string{"v1.0.0": commitA}); err != nil {
		t.Fatal(err)
	}
	repository, _ := r.handle(r.place.host, r.place.repository(baselineName))
	desc, err := repository.Resolve(t.Context(), "another")
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.Tag(t.Context(), desc, "platform"); err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Baseline(t.Context(), "platform")
	says(t, err, "is no baseline of this source")
}
