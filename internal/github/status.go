package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// The states of a commit that are said here.
const (
	Failure = "failure"
	Success = "success"
)

// Status is what a commit's page says under one name, the context.
type Status struct {
	// Context is the name; a longer one than GitHub takes is cut.
	Context string
	// State is Failure or Success.
	State string
	// Description is one short line for people; a longer text is cut.
	Description string
}

// What GitHub takes, in characters.
const (
	maxContext     = 255
	maxDescription = 140
)

// Say puts a status on a commit. What the newest status of its context says already is not said again, and a success only
// where something else was said before: nobody asked after what was never red.
func (r *Repository) Say(ctx context.Context, commit string, s Status) error {
	doing := fmt.Sprintf("status of commit %.12s", commit)
	s.Context, s.Description = short(s.Context, maxContext), short(s.Description, maxDescription)
	said, err := r.said(ctx, commit, s.Context)
	if err != nil {
		return r.denied(doing, err)
	}
	if said == s || said.State == "" && s.State == Success {
		return nil
	}
	_, _, err = r.api.Repositories.CreateStatus(ctx, r.owner, r.name, commit, &gh.RepoStatus{Context: &s.Context, State: &s.State, Description: &s.Description})
	if lost(err) {
		if now, look := r.said(ctx, commit, s.Context); look == nil && now == s {
			return nil
		}
	}
	return r.denied(doing, err)
}

// said is the newest status of a context; none has no state.
func (r *Repository) said(ctx context.Context, commit, context string) (Status, error) {
	options := &gh.ListOptions{PerPage: 100}
	for range maxPages {
		combined, resp, err := r.api.Repositories.GetCombinedStatus(ctx, r.owner, r.name, commit, options)
		if err != nil {
			return Status{}, err
		}
		for _, s := range combined.Statuses {
			if s.GetContext() == context {
				return Status{Context: context, State: s.GetState(), Description: s.GetDescription()}, nil
			}
		}
		if options.Page = resp.NextPage; options.Page == 0 {
			break
		}
	}
	return Status{}, nil
}

// denied names the permission where GitHub does not: it hides what a token may not see, and answers 404.
func (r *Repository) denied(doing string, err error) error {
	const need = "statuses=write"
	if status(err) == http.StatusNotFound {
		return &Unauthorized{Repository: r.fullName, Need: need, Reason: doing + ": not found, or hidden from the token"}
	}
	err = explain(r.fullName, doing, err)
	var unauthorized *Unauthorized
	if errors.As(err, &unauthorized) && unauthorized.Need == "" && strings.HasPrefix(unauthorized.Reason, doing) {
		unauthorized.Need = need
	}
	return err
}

// short is one line of at most that many characters.
func short(text string, most int) string {
	text = clean(text)
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
