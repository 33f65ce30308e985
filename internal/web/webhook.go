package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	// maxBody is the largest delivery, in bytes: GitHub caps its own at 25 MB.
	maxBody = 25 << 20
	// tooLarge is what is answered to more.
	tooLarge = "body above 25 MiB, more than GitHub sends: nothing is done for it; the next sweep finds what was pushed"
	// smallBody is what a delivery stays below unless it is a very large push, in bytes.
	smallBody = 1 << 20
	// maxLarge is how many bodies above smallBody, or of unknown length, are read at a time: a flood of
	// them costs a bounded memory and never delays the small ones.
	maxLarge = 4
	// signaturePrefix is the only signature that counts; X-Hub-Signature, of SHA-1, is not looked at.
	signaturePrefix = "sha256="
)

// wakes tells whether an event can mean work: commits and tags, and the life of a pull request.
// Every other event is answered 202 and forgotten.
func wakes(event string) bool {
	switch event {
	case "push", "create", "pull_request":
		return true
	}
	return false
}

type webhook struct {
	secrets   [][]byte
	wake      func([]string)
	delivered func(event string, code int)
	large     chan struct{}
}

func newWebhook(o Options) (*webhook, error) {
	for _, s := range o.Secrets {
		if len(s) == 0 {
			return nil, errors.New("a webhook secret is empty: anyone could sign with it; write one into the secret's file")
		}
	}
	w := &webhook{secrets: o.Secrets, wake: o.Wake, delivered: o.Delivered, large: make(chan struct{}, maxLarge)}
	if w.delivered == nil {
		w.delivered = func(string, int) {}
	}
	return w, nil
}

// ServeHTTP answers one delivery. The order is the defence: cap the body, check the signature over the raw
// bytes, and only then parse.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event := r.Header.Get("X-GitHub-Event")
	code, text := h.take(w, r, event)
	if !wakes(event) && event != "ping" {
		event = "other"
	}
	h.delivered(event, code)
	if code >= 400 {
		http.Error(w, text, code)
		return
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n")
}

func (h *webhook) take(w http.ResponseWriter, r *http.Request, event string) (code int, text string) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, "POST only"
	}
	if !strings.HasPrefix(r.Header.Get("X-Hub-Signature-256"), signaturePrefix) {
		return http.StatusUnauthorized, "no X-Hub-Signature-256: give the webhook a secret in the repository's settings"
	}
	body, code, text := h.read(w, r)
	if code != 0 {
		return code, text
	}
	if !h.genuine(body, r.Header.Get("X-Hub-Signature-256")) {
		return http.StatusUnauthorized, "the signature does not match: the webhook's secret differs from the one configured here"
	}
	return h.act(r, event, body)
}

// read takes the body, up to its cap. A non-zero code is the answer to give instead.
func (h *webhook) read(w http.ResponseWriter, r *http.Request) (body []byte, code int, text string) {
	if r.ContentLength > maxBody {
		return nil, http.StatusRequestEntityTooLarge, tooLarge
	}
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		select {
		case h.large <- struct{}{}:
			defer func() { <-h.large }()
		default:
			return nil, http.StatusServiceUnavailable, "too many large deliveries at once; the next sweep finds what changed"
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, http.StatusRequestEntityTooLarge, tooLarge
	case err != nil:
		return nil, http.StatusBadRequest, "the body ended early"
	}
	return body, 0, ""
}

// genuine tells whether one of the secrets signed the body.
func (h *webhook) genuine(body []byte, header string) bool {
	got, err := hex.DecodeString(strings.TrimPrefix(header, signaturePrefix))
	if err != nil {
		return false
	}
	for _, secret := range h.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(got, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// act wakes what a genuine delivery names.
func (h *webhook) act(r *http.Request, event string, body []byte) (code int, text string) {
	if event == "ping" {
		return http.StatusOK, "pong"
	}
	if !wakes(event) {
		return http.StatusAccepted, "event ignored"
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return http.StatusUnsupportedMediaType, "set the webhook's content type to application/json"
	}
	var delivery struct {
		Repository struct {
			FullName string `json:"full_name"`
			CloneURL string `json:"clone_url"`
			SSHURL   string `json:"ssh_url"`
			HTMLURL  string `json:"html_url"`
		} `json:"repository"`
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		return http.StatusBadRequest, "the body is not the JSON of a " + event + " event"
	}
	repo := delivery.Repository
	if repo.FullName == "" {
		return http.StatusBadRequest, "the body names no repository"
	}
	h.wake([]string{repo.FullName, repo.CloneURL, repo.SSHURL, repo.HTMLURL})
	return http.StatusAccepted, "woken"
}
