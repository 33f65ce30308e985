package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func rejected(description string) Status {
	return Status{Context: "releaser/release/voice-1.0.0", State: Failure, Description: description}
}

func TestAStatusIsSaidOnceAndAgainWhenItDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	say := func(s Status, writes int) {
		t.Helper()
		for range 2 {
			if err := w.api.Say(t.Context(), w.base, s); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.writes(); n != writes {
			t.Errorf("%s %q is written %d times, want %d", s.State, s.Description, n, writes)
		}
	}
	passed := Status{Context: rejected("").Context, State: Success, Description: "released"}
	say(passed, 0) // nobody was told otherwise
	say(rejected("values.yaml:3: no such key"), 1)
	say(rejected("values.yaml:4: no such key"), 1)
	for i := range 150 { // other tags of one commit, more than a page
		if err := w.forge.SetStatus(environments, w.base, "ci/"+strings.Repeat("x", i), "pending", ""); err != nil {
			t.Fatal(err)
		}
	}
	say(rejected("values.yaml:4: no such key"), 0)
	say(passed, 1)
	say(rejected("values.yaml:4: no such key"), 1)
}

func TestAStatusIsOneShortLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	long := Status{Context: "releaser/release/" + strings.Repeat("v", 300), State: Failure, Description: "a\x1b[31m\n\tb" + strings.Repeat("é", 200)}
	for range 2 {
		if err := w.api.Say(t.Context(), w.base, long); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes", n)
	}
	got, err := w.api.said(t.Context(), w.base, short(long.Context, maxContext))
	if err != nil || len([]rune(got.Description)) != maxDescription || !strings.HasPrefix(got.Description, "a [31m b") || !strings.HasSuffix(got.Description, "é…") {
		t.Errorf("%+v, %v", got, err)
	}
}

// F16
func TestAStatusWhoseAnswerWasLostIsNotSaidTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.lose("/statuses/", forge.Failure{After: true, Drop: true})
	if err := w.api.Say(t.Context(), w.base, rejected("why")); err != nil {
		t.Error(err)
	}
	w.forge.Fault(nil)
	if err := w.api.Say(t.Context(), w.base, rejected("why")); err != nil {
		t.Error(err)
	}
	n := 0
	for _, r := range w.forge.RequestLog() {
		if r.Write() {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d statuses", n)
	}
}

func TestWhoMayNotSayAStatusLearnsThePermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.forge.AddToken(forge.Token{Value: "ghp_reader", Login: "reader", ReadOnly: true})
	reader := w.client(t, Static("ghp_reader")).Repository(environments)
	hidden := answering(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotFound) })
	for name, r := range map[string]*Repository{"403": reader, "404": hidden} {
		var denied *Unauthorized
		if err := r.Say(t.Context(), w.base, rejected("why")); !errors.As(err, &denied) || denied.Need != "statuses=write" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.forge.RevokeToken(botToken)
	var denied *Unauthorized
	if err := w.api.Say(t.Context(), w.base, rejected("why")); !errors.As(err, &denied) || denied.Need != "" {
		t.Errorf("a revoked token lacks no permission: %v", err)
	}
}

// F14
func TestAStatusThatGitHubDoesNotTakeSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	for range 1000 {
		if err := w.forge.SetStatus(environments, w.base, rejected("").Context, "pending", ""); err != nil {
			t.Fatal(err)
		}
	}
	var refused *Refused
	if err := w.api.Say(t.Context(), w.base, rejected("why")); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "maximum number of statuses") {
		t.Errorf("after 1,000: %v", err)
	}
	w.lose("/statuses/", forge.Failure{Status: 403, Message: "You have exceeded a secondary rate limit.", Header: http.Header{"Retry-After": {"30"}}})
	var limited *RateLimited
	if err := w.api.Say(t.Context(), w.base, Status{Context: "other", State: Failure}); !errors.As(err, &limited) {
		t.Errorf("a secondary limit: %v", err)
	}
}
