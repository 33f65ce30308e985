package github

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	gh "github.com/google/go-github/v60/github"
)

// ErrNotFound says that GitHub has no such thing, or that the token may not see it.
var ErrNotFound = errors.New("not found, or hidden from the token: check the name, and what the token may read")

// ErrMoved says that a branch is not where this change starts from: somebody else was first. Looking again
// and starting anew is right; repeating the call is not.
var ErrMoved = errors.New("the branch has moved: look again")

// Refused says that GitHub understood and does not do it: a rule of the repository, a conflict, a merge
// that is not allowed. It needs a person, or time; repeating alone does not help.
type Refused struct {
	Repository string
	Reason     string
}

// Error tells what GitHub said.
func (e *Refused) Error() string { return e.Repository + ": " + e.Reason }

// Unauthorized says that the credentials do not allow it. It never holds a token.
type Unauthorized struct {
	Repository string
	// Need lists the permissions that would do, as GitHub names them: "contents=write"; may be empty.
	Need string
	// Reason is what is wrong, with the next step unless Need says it.
	Reason string
}

// Error names the repository and the permission that is missing.
func (e *Unauthorized) Error() string {
	if e.Need != "" {
		return fmt.Sprintf("%s: %s: give the token or the App the permission %s", e.Repository, e.Reason, e.Need)
	}
	return e.Repository + ": " + e.Reason
}

// RateLimited says that GitHub wants us to wait.
type RateLimited struct {
	Repository string
	// RetryAfter is how long, at least.
	RetryAfter time.Duration
}

// Error tells how long.
func (e *RateLimited) Error() string {
	return fmt.Sprintf("%s: GitHub's rate limit is reached: try again after %s", e.Repository, e.RetryAfter.Round(time.Second))
}

// explain turns an error of go-github into one of ours; doing names what was tried. What it does not know
// (the network, a 5xx) stays as it is: temporary.
func explain(repository, doing string, err error) error {
	if err == nil {
		return nil
	}
	if wait, limited := retryAfter(err); limited {
		return fmt.Errorf("%s: %w", doing, &RateLimited{Repository: repository, RetryAfter: wait})
	}
	var unauthorized *Unauthorized
	if errors.As(err, &unauthorized) {
		return unauthorized
	}
	var none *noToken
	if errors.As(err, &none) {
		return none.error // which says all, and the same of each repository and branch
	}
	var answer *gh.ErrorResponse
	if !errors.As(err, &answer) || answer.Response == nil {
		return fmt.Errorf("%s: %s: %w", repository, doing, plain(err))
	}
	return byStatus(repository, doing, answer)
}

// plain takes the URL out of an error of the network, and says what to look at.
func plain(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	var dial *net.OpError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &dial) && dial.Op == "proxyconnect":
		return fmt.Errorf("%w; look at HTTPS_PROXY, and whether that proxy runs; NO_PROXY names the hosts that need none", err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w; look whether GitHub can be reached from here, and at github.apiURL", err)
	case errors.As(err, &syntax):
		return fmt.Errorf("the answer is no JSON: %w; check that github.apiURL is the root of GitHub's API", err)
	}
	return &quiet{err}
}

// noToken is why there was no token, so that GitHub was not asked.
type noToken struct{ error }

// Unwrap is the reason.
func (n *noToken) Unwrap() error { return n.error }

// quiet is an error of a library that may repeat what GitHub sent, told on one line.
type quiet struct{ err error }

// Error is the library's text.
func (q *quiet) Error() string { return clean(q.err.Error()) }

// Unwrap is the library's error.
func (q *quiet) Unwrap() error { return q.err }

func byStatus(repository, doing string, answer *gh.ErrorResponse) error {
	switch code := answer.Response.StatusCode; {
	case code >= 300 && code < 400:
		return fmt.Errorf("%s: %w", doing, &Refused{Repository: repository, Reason: "the repository or the API has moved: write its new name in the configuration"})
	case code == http.StatusUnauthorized:
		return &Unauthorized{Repository: repository, Reason: "GitHub refuses the token: give a valid one by github.auth"}
	case code == http.StatusForbidden:
		return forbidden(repository, doing, answer)
	case code == http.StatusNotFound, code == http.StatusConflict && strings.Contains(answer.Message, "empty"):
		return fmt.Errorf("%s: %s: %w", repository, doing, ErrNotFound)
	case code == http.StatusUnprocessableEntity:
		return fmt.Errorf("%s: %w", doing, &Refused{Repository: repository, Reason: "GitHub says: " + message(answer) + "; look at the rules and settings of the repository"})
	case code == http.StatusMethodNotAllowed, code == http.StatusConflict:
		return fmt.Errorf("%s: %w", doing, &Refused{Repository: repository, Reason: "GitHub says: " + message(answer)})
	default:
		return fmt.Errorf("%s: %s: GitHub answers %d: %s; try again", repository, doing, code, message(answer))
	}
}

// forbidden is a refusal of credentials that are good for something else. Mostly GitHub says what they lack.
func forbidden(repository, doing string, answer *gh.ErrorResponse) error {
	need := clean(answer.Response.Header.Get("X-Accepted-GitHub-Permissions"))
	reason := fmt.Sprintf("%s: the credentials do not allow it: %s", doing, message(answer))
	if need == "" {
		reason += ": look at what the token or the App may do"
	}
	return &Unauthorized{Repository: repository, Need: need, Reason: reason}
}

// retryAfter tells whether GitHub limits us and for how long: what it says, or a minute.
func retryAfter(err error) (time.Duration, bool) {
	var ours *RateLimited
	if errors.As(err, &ours) {
		return ours.RetryAfter, true
	}
	var limit *gh.RateLimitError
	if errors.As(err, &limit) {
		return until(limit.Rate.Reset.Time), true
	}
	var abuse *gh.AbuseRateLimitError
	if errors.As(err, &abuse) && abuse.Response != nil {
		wait, _ := limitOf(abuse.Response, abuse.Message)
		return cmp.Or(wait, least), true
	}
	var answer *gh.ErrorResponse
	if !errors.As(err, &answer) || answer.Response == nil {
		return 0, false
	}
	return limitOf(answer.Response, answer.Message)
}

// least is the wait where GitHub does not say how long.
const least = time.Minute

// until is how long it takes to the end of a limit: not more than an hour, as all limits of GitHub end within one. Who says
// more has another clock, or means no good.
func until(end time.Time) time.Duration {
	return min(max(time.Until(end), time.Second), time.Hour)
}

// limitOf tells whether an answer is one of a limit and how long to wait: what it says, until the hour that is
// spent ends, or a minute. The text is its message, or all of its body.
func limitOf(resp *http.Response, text string) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusForbidden {
		return 0, false
	}
	if seconds, ok := number(resp, "Retry-After"); ok {
		return time.Duration(min(max(seconds, 1), 3600)) * time.Second, true
	}
	left, told := number(resp, "X-RateLimit-Remaining")
	reset, ok := number(resp, "X-RateLimit-Reset")
	spent := told && left == 0 || !told && resp.StatusCode == http.StatusTooManyRequests
	if ok && spent {
		return until(time.Unix(int64(reset), 0)), true
	}
	text = strings.ToLower(text)
	named := strings.Contains(text, "rate limit") || strings.Contains(text, "rate-limit")
	return least, named || resp.StatusCode == http.StatusTooManyRequests
}

// number reads a header that is a whole number.
func number(resp *http.Response, name string) (int, bool) {
	n, err := strconv.Atoi(resp.Header.Get(name))
	return n, err == nil && n >= 0
}

// lost tells whether GitHub may have done what was asked although it did not say so.
func lost(err error) bool {
	if err == nil {
		return false
	}
	if _, limited := retryAfter(err); limited {
		return false
	}
	var answer *gh.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode >= 500
	}
	return true
}

// status is the HTTP status of GitHub's refusal, 0 when there was none.
func status(err error) int {
	var answer *gh.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.StatusCode
	}
	return 0
}

// message is what GitHub said, with the details of a 422.
func message(answer *gh.ErrorResponse) string {
	parts := []string{answer.Message}
	for _, e := range answer.Errors {
		if e.Message != "" {
			parts = append(parts, e.Message)
		}
	}
	return strings.TrimSuffix(clean(strings.Join(parts, ": ")), ".") // more follows
}

// clean makes text of GitHub fit for one line of a log.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return text
}
