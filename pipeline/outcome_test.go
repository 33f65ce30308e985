package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

func TestAnErrorMeansOneStateHoweverItIsWrapped(t *testing.T) {
	t.Parallel()
	for state, errs := range map[State][]error{
		Rejected: {
			&charts.Rejected{Chart: "x", Findings: []charts.Finding{{Severity: charts.Error, Rule: "x"}}},
			&Unfit{Reason: "x"}, source.ErrNotCommit, source.ErrTooLarge, source.ErrBadName,
			registry.ErrConflict, registry.ErrForeign, signing.ErrAltered,
		},
		Waiting: {&Unmet{Reason: "x"}, &Absent{Image: "x"}, registry.ErrNotFound},
		Failed: {
			errors.New("anything else"), source.ErrAuth, signing.ErrUnsigned, signing.ErrUntrusted, github.ErrMoved,
			&github.RateLimited{}, &github.Unauthorized{}, &github.Refused{}, context.Canceled, context.DeadlineExceeded,
		},
	} {
		for _, err := range errs {
			for _, wrapped := range []error{err, fmt.Errorf("voice: %w", err), errors.Join(errors.New("beside"), err)} {
				if got := Classify(wrapped); got != state {
					t.Errorf("%T %v: %s, want %s", err, wrapped, got, state)
				}
			}
		}
	}
}

func TestOnlyWhatAMovedTagAloneCanChangeIsFinal(t *testing.T) {
	t.Parallel()
	for state, final := range map[State]bool{Released: true, Rejected: true, Ignored: true, Waiting: false, Failed: false} {
		if state.Final() != final {
			t.Errorf("%s: %v", state, state.Final())
		}
	}
}

func TestAnOutcomeShowsItsFindingsAndNotItsInsides(t *testing.T) {
	t.Parallel()
	finding := charts.Finding{Severity: charts.Error, File: "charts/x/values.yaml", Line: 3, Rule: "pin-alias", Message: "no", Fix: "do"}
	o := Outcome{Tag: "x-1.0.0"}.failed(fmt.Errorf("pin: %w", &charts.Rejected{Chart: "x", Findings: []charts.Finding{finding}}))
	if o.State != Rejected || len(o.Findings) != 1 || o.Findings[0] != finding || o.Err == nil || o.Reason != o.Err.Error() {
		t.Errorf("got %+v", o)
	}
	text, err := json.Marshal(o)
	if err != nil || strings.Contains(string(text), "Err") || !strings.Contains(string(text), `"state":"rejected"`) {
		t.Errorf("%s, %v", text, err)
	}
}
