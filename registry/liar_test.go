package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// F10
func TestARegistryThatClaimsAnotherDigestIsNotBelieved(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	pushed := mustPush(t, at(t, server.Host()), voice())
	other := "sha256:" + strings.Repeat("0", 64)
	for name, lie := range map[string]func(w http.ResponseWriter, body []byte, typ string){
		"in the header": func(w http.ResponseWriter, body []byte, typ string) {
			w.Header().Set("Docker-Content-Digest", other)
			answer(w, body, typ)
		},
		"in the body": func(w http.ResponseWriter, body []byte, typ string) {
			w.Header().Set("Docker-Content-Digest", digest.FromBytes(body).String())
			answer(w, append(body, ' '), typ)
		},
		"by another algorithm": func(w http.ResponseWriter, body []byte, typ string) {
			w.Header().Set("Docker-Content-Digest", digest.SHA512.FromBytes(body).String())
			answer(w, body, typ)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || door.ClassOf(r.URL.Path) != door.Manifest {
					return false
				}
				body, typ := ask(server, r)
				lie(w, body, typ)
				return true
			}))
			if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err == nil {
				t.Error("Resolve believes it")
			}
			if _, err := r.ResolveDigest(t.Context(), "voice", pushed.Digest()); err == nil {
				t.Error("ResolveDigest believes it")
			}
			if _, err := push(t, r, voice()); err == nil {
				t.Error("Push believes it")
			}
		})
	}
}

// F10
func TestADigestIsAnsweredWithThatDigestOrNotAtAll(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	r := at(t, server.Host())
	one := mustPush(t, r, voice())
	two := mustPush(t, r, voice(func(s *sample) { s.version = "1.1.0" }))
	liar := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		r.URL.Path = strings.Replace(r.URL.Path, one.Digest(), two.Digest(), 1)
		return false
	}))
	if got, err := liar.ResolveDigest(t.Context(), "voice", one.Digest()); err == nil {
		t.Errorf("asked for %s, got %s", one.Digest(), got.Digest())
	}
}

// F10
func TestAManifestThatIsTakenUnderAnotherDigestIsLookedForUnderItsTag(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(server http.Handler, w http.ResponseWriter, r *http.Request){
		"it was kept as it is": func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			server.ServeHTTP(httptest.NewRecorder(), r)
			w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
			w.WriteHeader(http.StatusCreated)
		},
		"it was changed": func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(r.Body, strings.NewReader(" ")))
			r.ContentLength++
			server.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := inMemory(t, mem.Options{})
			r := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || door.ClassOf(r.URL.Path) != door.Manifest {
					return false
				}
				lie(server, w, r)
				return true
			}))
			pushed, err := push(t, r, voice())
			if name == "it was changed" {
				if !errors.Is(err, ErrConflict) || pushed.Digest() != "" {
					t.Errorf("%s (%v)", pushed.Digest(), err)
				}
			} else if err != nil || !pushed.New() || pushed.Digest() != digestOf(t, r, "voice", "1.0.0") {
				t.Errorf("%s, new %v (%v)", pushed.Digest(), pushed.New(), err)
			}
		})
	}
}

// F3
func TestALostAnswerToThePushOfTheManifestIsNoFailure(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	r := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || door.ClassOf(r.URL.Path) != door.Manifest {
			return false
		}
		server.ServeHTTP(httptest.NewRecorder(), r)
		http.Error(w, "the gateway has lost it", http.StatusBadRequest)
		return true
	}))
	if pushed := mustPush(t, r, voice()); !pushed.New() {
		t.Error("it was not new")
	}
}

// F8
func TestAPushThatBrokeOffIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		var broken atomic.Bool
		host := before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && door.ClassOf(r.URL.Path) == door.Upload && !broken.Swap(true) {
				r.Body = io.NopCloser(io.LimitReader(r.Body, 10))
				server.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			return false
		})
		r := at(t, host)
		// Distribution takes the same upload again; ociregistry needs a new one, which the next push makes.
		hasty := at(t, host, func(o *Options) { o.Timeout = time.Second })
		if _, err := push(t, hasty, voice()); err != nil {
			mustPush(t, r, voice())
		}
		if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err != nil {
			t.Error(err)
		}
	})
}

// B45
func TestEndlessPagesOfTagsAreCutOff(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		n := pages.Add(1)
		w.Header().Set("Link", fmt.Sprintf(`</v2/charts/voice/tags/list?last=%d>; rel="next"`, n))
		fmt.Fprintf(w, `{"tags":["1.0.%d"]}`, n)
		return true
	})
	_, err := at(t, host).Versions(t.Context(), "voice")
	says(t, err, "delete old ones")
	if n := pages.Load(); n != maxPages {
		t.Errorf("%d pages were read", n)
	}
}

// B45
func TestAnEndlessManifestIsCutOff(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	for name, length := range map[string]string{"with a length": "1000000000000", "without a length": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				if length != "" {
					w.Header().Set("Content-Length", length)
					w.Header().Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
				}
				for chunk := make([]byte, 1<<16); r.Method == http.MethodGet; sent.Add(1 << 16) {
					if _, err := w.Write(chunk); err != nil {
						break
					}
				}
				return true
			})
			if _, err := at(t, host).Resolve(t.Context(), "voice", "1.0.0"); err == nil {
				t.Error("it was read")
			}
		})
	}
	t.Cleanup(func() {
		if sent.Load() > 64<<20 {
			t.Errorf("%d bytes were sent", sent.Load())
		}
	})
}

func TestAnArchiveThatWasExchangedIsNotPulled(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	pushed := mustPush(t, at(t, server.Host()), voice())
	for name, exchange := range map[string]func([]byte) []byte{
		"same length": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"longer":      func(b []byte) []byte { return append(b, 0) },
		"shorter":     func(b []byte) []byte { return b[:len(b)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, pushed.layer.Digest.String()) {
					return false
				}
				body, typ := ask(server, r)
				answer(w, exchange(body), typ)
				return true
			})
			r := at(t, host)
			there, err := r.Resolve(t.Context(), "voice", "1.0.0")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Pull(t.Context(), there); err == nil {
				t.Error("it was pulled")
			}
		})
	}
}

func TestAnArchiveThatIsTooLargeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	r := at(t, server.Host())
	pushed := mustPush(t, r, voice())
	before := server.Tally()
	pushed.layer.Size = maxArchive + 1
	_, err := r.Pull(t.Context(), pushed)
	says(t, err, "is more than the 33554432 that we read")
	if got := server.Tally().Since(before); got.Total() != 0 {
		t.Errorf("it was: %s", got)
	}
}

// B16
func TestADependencyThatIsTooLargeIsNotAskedFor(t *testing.T) {
	t.Parallel()
	manifest := fmt.Sprintf(`{"config":{"mediaType":"%s"},"layers":[{"mediaType":"%s","digest":"sha256:%064d","size":%d}]}`, configType, layerType, 0, maxArchive+1)
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		if door.ClassOf(r.URL.Path) == door.Manifest {
			answer(w, []byte(manifest), "application/vnd.oci.image.manifest.v1+json")
			return true
		}
		t.Errorf("%s %s", r.Method, r.URL)
		return false
	})
	_, err := at(t, host).Get(t.Context(), "oci://"+host+"/charts", "voice", "1.0.0")
	var hopeless *charts.Unobtainable
	if !errors.As(err, &hopeless) || hopeless.Rule != "dependency-size" {
		t.Error(err)
	}
}

func TestAVersionOfAnotherRegistryIsNotPulledHere(t *testing.T) {
	t.Parallel()
	one := at(t, inMemory(t, mem.Options{}).Host())
	two := at(t, inMemory(t, mem.Options{}).Host())
	_, err := two.Pull(t.Context(), mustPush(t, one, voice()))
	says(t, err, "is not in this registry")
	if _, err := two.Pull(t.Context(), Pushed{}); err == nil {
		t.Error("nothing was pulled")
	}
}

// B44
func TestAnUploadIsNotSentToAnotherHost(t *testing.T) {
	t.Parallel()
	var called atomic.Bool
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
	defer thief.Close()
	host := before(t, inMemory(t, mem.Options{}), func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Location", thief.URL+"/upload")
		w.WriteHeader(http.StatusAccepted)
		return true
	})
	if _, err := push(t, at(t, host), voice()); err == nil || called.Load() {
		t.Errorf("called %v (%v)", called.Load(), err)
	}
}

func TestWhatIsNoChartIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	for name, manifest := range map[string]string{
		"an index":         `{"schemaVersion":2,"manifests":[]}`,
		"no JSON":          `{`,
		"nothing":          ``,
		"a list":           `[]`,
		"a layer too many": `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json"},"layers":[{"mediaType":"application/tar+gzip"},{"mediaType":"application/tar+gzip"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ := "application/vnd.oci.image.manifest.v1+json"
			if name == "an index" {
				typ = "application/vnd.oci.image.index.v1+json"
			}
			r := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
				if door.ClassOf(r.URL.Path) != door.Manifest {
					return false
				}
				answer(w, []byte(manifest), typ)
				return true
			}))
			if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err == nil || errors.Is(err, ErrNotFound) {
				t.Errorf("Resolve: %v", err)
			}
			if _, err := r.Get(t.Context(), "oci://"+r.place.host+"/charts", "voice", "1.0.0"); err == nil {
				t.Error("Get takes it")
			}
		})
	}
}

// ask lets the real registry answer.
func ask(server http.Handler, r *http.Request) (body []byte, mediaType string) {
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, r)
	return recorder.Body.Bytes(), recorder.Header().Get("Content-Type")
}

func answer(w http.ResponseWriter, body []byte, mediaType string) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}
