package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/pipeline/promotion"
)

func TestALookIsBelievedWhileItIsFresh(t *testing.T) {
	t.Parallel()
	found := func(context.Context) (*string, error) { text := "there"; return &text, nil }
	for name, c := range map[string]struct {
		look func(context.Context) (*string, error)
		wait time.Duration
		want bool
	}{
		"at once":  {found, 0, true},
		"in time":  {found, fresh - time.Second, true},
		"too late": {found, fresh + time.Second, false},
		"one that failed": {func(context.Context) (*string, error) {
			text := "half"
			return &text, errors.New("no answer")
		}, 0, false},
		"one that takes long": {func(ctx context.Context) (*string, error) {
			time.Sleep(fresh / 2)
			return found(ctx)
		}, 0, true},
		"one without an end": {func(ctx context.Context) (*string, error) { <-ctx.Done(); return nil, ctx.Err() }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := lookAhead(t.Context(), c.look)
				defer a.end()
				time.Sleep(c.wait)
				if got := a.take(); (got != nil) != c.want {
					t.Errorf("got %v", got)
				}
				if first, second := a.take(), a.take(); first != second {
					t.Error("asked twice, it answers otherwise")
				}
			})
		})
	}
	var none *ahead[string]
	if none.take() != nil {
		t.Error("no look found something")
	}
	none.end()
}

// synctest fails when a goroutine is left.
func TestALookThatNobodyWaitsForEndsWithTheRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		a := lookAhead(t.Context(), func(ctx context.Context) (*string, error) {
			<-ctx.Done()
			ended = true
			return nil, ctx.Err()
		})
		began := time.Now()
		a.end()
		if !ended || time.Since(began) != 0 {
			t.Errorf("ended %v, after %v", ended, time.Since(began))
		}
		a.end()
	})
}

// What a release asks of the registry before it is rejected is the look at its version, and GitHub is asked nothing.
func TestARejectedChartCostsTheLookAtItsVersionAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(strings.Replace(small("voice", "0.1.0"), "apiVersion: v2", "apiVersion: v9", 1), "voice-0.1.0")
	before := w.store.Tally()
	w.forge.ForgetRequests()
	if o := w.release("voice-0.1.0"); o.State != Rejected {
		t.Fatalf("got %+v", o)
	}
	if got, want := w.store.Tally().Since(before).String(), "GET manifest 1, GET tags 1"; got != want {
		t.Errorf("the registry is asked %s, want %s", got, want)
	}
	if n := len(w.forge.RequestLog()); n != 0 {
		t.Errorf("GitHub is asked %d times", n)
	}
}

// A release that is done is looked at once by the push, once by the signature, and by the proposal alone.
func TestADoneReleaseCostsNoLookMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.release("voice-0.1.0")
	before := w.store.Tally()
	w.forge.ForgetRequests()
	o := w.release("voice-0.1.0")
	if o.State != Released || o.Uploaded || len(o.Proposals) != 1 || o.Proposals[0].State != promotion.Nothing {
		t.Fatalf("got %+v", o)
	}
	tally := w.store.Tally().Since(before)
	if n := tally[door.Request{Method: "GET", Class: door.Tags}]; tally.Writes() != 0 || n != 1 {
		t.Errorf("the registry is asked %s", tally)
	}
	if n := len(w.forge.RequestLog()); n > 3 {
		t.Errorf("GitHub is asked %d times: %v", n, w.forge.RequestLog())
	}
}

func TestALibraryIsNotLookedForOnGitHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(chartlab.Library("voice", "1.0.0"), "voice-1.0.0")
	w.forge.ForgetRequests()
	if o := w.release("voice-1.0.0"); o.State != Released {
		t.Fatalf("got %+v", o)
	}
	if n := len(w.forge.RequestLog()); n != 0 {
		t.Errorf("GitHub is asked %d times", n)
	}
}
