package registry

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// What a caller may have to tell apart. They come wrapped, with the reference, the detail and the next step.
var (
	// ErrNotFound: there is no such version, digest or artifact.
	ErrNotFound = errors.New("not in the registry")
	// ErrConflict: the version is there with other content, or from another commit. It stays as it is.
	ErrConflict = errors.New("the version is taken")
	// ErrForeign: the version was not pushed by releaser, or the repository belongs to another source.
	ErrForeign = errors.New("not ours")
)

// told is an error in the words that a user needs: without the queries of URLs (a signed download URL is a key), without
// the control characters of a hostile answer, and with the next step where there is one. errors.Is and errors.As still
// see the cause.
type told struct {
	cause error
	text  string
}

// Error implements error.
func (t *told) Error() string { return t.text }

// Unwrap is the cause.
func (t *told) Unwrap() error { return t.cause }

// Explain puts an error of a transfer into the words that a user needs. It is applied to every error that leaves this
// room, and by whoever works with Repository to the errors of that. What is explained already stays as it is.
func Explain(err error) error {
	var already *told
	if err == nil || errors.As(err, &already) {
		return err
	}
	text := chain.Replace(strings.Map(printable, queries.ReplaceAllString(err.Error(), "$1?…")))
	if step := nextStep(err); step != "" {
		text += "; " + step
	}
	return &told{cause: err, text: text}
}

var queries = regexp.MustCompile(`(https?://[^\s"?]*)\?[^\s"]*`)

// chain is what libraries put before an error to say what they were doing.
var chain = strings.NewReplacer("failed to resolve credential: ", "", "tls: failed to verify certificate: ", "",
	"failed to decode response: ", "the answer is not that of a registry: ")

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// nextStep knows the mistakes that a configuration can cure.
func nextStep(err error) string {
	var untrusted *tls.CertificateVerificationError
	var unreachable *net.OpError
	var page *json.SyntaxError
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the registry speaks plain HTTP; if that is meant, set registry.plainHTTP: true"
	case errors.As(err, &untrusted):
		return "if the registry has a private certificate authority, name its certificate in registry.caFile"
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return "name a docker config file with credentials for that host in registry.auth.dockerConfigFile"
	case errors.As(err, &unreachable) && unreachable.Op == "proxyconnect":
		return "look at HTTPS_PROXY, and whether that proxy runs; NO_PROXY names the hosts that need none"
	case errors.As(err, &unreachable) && unreachable.Op == "dial":
		return "look whether the registry runs and can be reached from here, and at registry.url"
	case errors.As(err, &page):
		return "look at registry.url, and for a proxy that answers in the registry's place"
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrTrailingData), errors.Is(err, io.ErrUnexpectedEOF):
		return "try again; if it stays, look for a proxy that changes answers, or ask who runs the registry"
	case strings.Contains(err.Error(), "bearer realm"): // oras has no type for it
		return "no credentials go there; ask who runs the registry to name a token server on its own host, or on a public one by https"
	case errors.As(err, &answer):
		return stepAfter(answer.StatusCode)
	}
	return ""
}

func stepAfter(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "look at the credentials for that host in registry.auth.dockerConfigFile and at what they may do"
	case http.StatusTooManyRequests:
		return "the registry asks for a longer pause than we wait; try again later"
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "try again, or ask who runs the registry"
	}
	return ""
}

// absent is the error for what is not there.
func absent(reference, step string) error {
	return fmt.Errorf("%s: %w; %s", reference, ErrNotFound, step)
}
