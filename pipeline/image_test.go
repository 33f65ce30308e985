package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
)

// imageRule makes the charts of a world wait for their image.
func imageRule(more string) (old, text string) {
	return "- {path: charts/*}", "- {path: charts/*, image: {key: image.repository" + more + "}}"
}

// from is a small chart whose image lies on a host.
func from(host, name, version string) string {
	return strings.Replace(small(name, version), "registry.example.com/", host+"/", 1)
}

// pushImage pushes the manifest of an image past releaser, which is all that anybody asks of it.
func (w *world) pushImage(name, tag string) {
	w.Helper()
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPut, w.store.URL()+"/v2/"+name+"/manifests/"+tag, bytes.NewBufferString(manifest))
	w.must(err)
	r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		w.Fatalf("the registry answers %s", answer.Status)
	}
}

func TestAReleaseWaitsUntilItsImageIsThere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store *door.Door) {
		old, text := imageRule("")
		w := newWorldWith(t, store, old, text)
		w.sweepIs()
		commit := w.push(from(store.Host(), "voice", "0.1.0"), "voice-0.1.0")
		image := store.Host() + "/acme/voice:" + commit
		w.writesNothing("what waits", func() { w.sweepIs("voice-0.1.0 waiting") })
		o := w.outcome("voice-0.1.0")
		w.says("the reason", o.Reason, "image "+image+" is not in its registry yet; push it before "+o.Deadline.Format(time.RFC3339))
		if left := time.Until(o.Deadline); left > 30*time.Minute || left < 20*time.Minute || o.Image.Reference != image || o.Image.Digest != "" {
			t.Errorf("got %+v", o)
		}
		w.absent("voice")
		w.writesNothing("the next sweep", func() { w.sweepIs() }) // it is looked at again, and is no news

		// Whoever asks once is told what to do; nobody waits in the foreground.
		o = w.release("voice-0.1.0")
		if o.State != Waiting || !o.Deadline.IsZero() {
			t.Errorf("got %+v", o)
		}
		w.says("the reason", o.Reason, "image "+image+" is not in its registry yet; push it, then run releaser release voice-0.1.0 again")

		w.pushImage("acme/voice", commit)
		w.sweepIs("voice-0.1.0 released")
		o = w.outcome("voice-0.1.0")
		if o.Image.Reference != image || !strings.HasPrefix(o.Image.Digest, "sha256:") || !o.Deadline.IsZero() {
			t.Errorf("got %+v", o.Image)
		}
		for key, value := range w.resolve("voice", "0.1.0").Annotations() {
			if strings.Contains(value, o.Image.Digest) {
				t.Errorf("the chart's annotation %s has the image's digest, and is not of the commit alone", key)
			}
		}
		w.writesNothing("the next sweep", func() { w.sweepIs() })
		w.restart()
		w.writesNothing("a new process", func() { w.sweepIs("voice-0.1.0 released") })
	})
}

func TestAnImageThatDoesNotComeRejectsTheReleaseAndNoOther(t *testing.T) {
	t.Parallel()
	old, text := imageRule(", wait: 20m")
	w := newWorld(t, old, text)
	commit := w.push(from(w.store.Host(), "voice", "0.1.0"), "voice-0.1.0")
	mail := w.push(from(w.store.Host(), "mail", "0.1.0")+chartlab.Library("lib", "0.1.0"), "mail-0.1.0", "lib-0.1.0")
	w.pushImage("acme/mail", mail)
	w.sweepIs("lib-0.1.0 released", "mail-0.1.0 released", "voice-0.1.0 waiting") // a library has no image
	for key := range w.sweeper.Known.absent {
		w.sweeper.Known.absent[key] = time.Now().Add(-20 * time.Minute)
	}
	w.writesNothing("the sweep after the deadline", func() { w.sweepIs("voice-0.1.0 rejected") })
	w.says("the reason", w.outcome("voice-0.1.0").Reason, "image "+w.store.Host()+"/acme/voice:"+commit+" did not come to its registry within 20m0s; push it, "+
		"then run releaser release voice-0.1.0, or tag a commit whose image is there")
	w.absent("voice")

	// That is final for this process, until somebody asks.
	w.pushImage("acme/voice", commit)
	w.writesNothing("the next sweep", func() { w.sweepIs() })
	if o := w.release("voice-0.1.0"); o.State != Released || o.Image.Digest == "" {
		t.Errorf("got %+v", o)
	}
}

// B23
func TestAnImageOnAHostThatNobodyAllowedIsRejected(t *testing.T) {
	t.Parallel()
	old, text := imageRule(", hosts: [ghcr.io]")
	w := newWorld(t, old, text)
	w.sweepIs()
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.push(from("x{{y}}", "mail", "0.1.0"), "mail-0.1.0")
	w.writesNothing("the sweep", func() { w.sweepIs("mail-0.1.0 rejected", "voice-0.1.0 rejected") })
	w.says("the reasons", w.reasons(),
		"charts/voice/values.yaml:3: error: image-host: the host registry.example.com of the image is not an allowed one; list it in image.hosts",
		"charts/mail/values.yaml:3: error: image-name: ")
	w.absent("voice")
}

func TestARegistryThatIsIllDoesNotMakeAReleaseWait(t *testing.T) {
	t.Parallel()
	old, text := imageRule(", hosts: ['127.0.0.1:1']")
	w := newWorld(t, old, text)
	w.push(from("127.0.0.1:1", "voice", "0.1.0"), "voice-0.1.0")
	w.sweepIs("voice-0.1.0 failed")
	w.says("the reason", w.outcome("voice-0.1.0").Reason, "image 127.0.0.1:1/acme/voice:", "look whether the registry runs and can be reached from here")
	if len(w.sweeper.Known.absent) != 0 {
		t.Error("the time runs while nobody can tell whether the image is there")
	}
}

func TestTheTimeToWaitRunsFromTheFirstLook(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 2, 14, 0, 0, 0, time.FixedZone("", 3600))
	waiting := Outcome{Tag: "voice-0.1.0"}.failed(fmt.Errorf("stage: %w", &Absent{Image: "ghcr.io/acme/voice:c0ffee", Tag: "voice-0.1.0", Wait: time.Hour}))
	for after, want := range map[time.Duration]State{-time.Hour: Waiting, 0: Waiting, time.Hour - 1: Waiting, time.Hour: Rejected, 48 * time.Hour: Rejected} {
		o := waiting.Timed(since, since.Add(after))
		if o.State != want || Classify(o.Err) != want || o.Deadline.Format(time.RFC3339) != "2026-11-02T14:00:00Z" {
			t.Errorf("after %s: %+v", after, o)
		}
		if again := o.Timed(since, since.Add(after)); again.State != want || again.Reason != o.Reason {
			t.Errorf("after %s, twice: %+v", after, again)
		}
	}
	for _, err := range []error{&Unmet{Reason: "x"}, context.Canceled, errors.New("x")} {
		o := Outcome{}.failed(err)
		if got := o.Timed(since, since.Add(48*time.Hour)); got.State != o.State || got.Reason != o.Reason || !got.Deadline.IsZero() {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
