package web_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The ways in which a fuzzed delivery is signed.
const (
	asGiven        = iota // whatever text is the header
	bySecret              // by the secret, over the body: a genuine delivery
	byNextSecret          // by the secret that is to replace it
	byAnother             // by a secret that is not configured
	overOther             // by the secret, over the body and one byte more
	withTextBehind        // genuine, and then the text
	upperCase             // genuine, in upper case
	ways
)

func signedIn(way uint8, text, body string) string {
	switch way % ways {
	case bySecret:
		return sign(secret, body)
	case byNextSecret:
		return sign("next", body)
	case byAnother:
		return sign(text, body)
	case overOther:
		return sign(secret, body+"\n")
	case withTextBehind:
		return sign(secret, body) + text
	case upperCase:
		return "sha256=" + strings.ToUpper(strings.TrimPrefix(sign(secret, body), "sha256="))
	}
	return text
}

// isGenuine says once more, by itself, what a signature is: the HMAC over all bytes and no other, in hexadecimal.
func isGenuine(header string, body []byte) bool {
	text, ok := strings.CutPrefix(header, "sha256=")
	got, err := hex.DecodeString(text)
	for _, key := range []string{secret, "next"} {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		if ok && err == nil && bytes.Equal(got, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// Whatever comes, the handler answers one of a few codes and never panics. Nothing is woken, and nothing is parsed,
// unless the header signs exactly the bytes of the body; and what is woken stands in that body.
func FuzzDeliveryActsOnlyWithAGenuineSignature(f *testing.F) {
	files, err := filepath.Glob("../lab/forge/testdata/webhooks/*.json")
	if err != nil || len(files) < 5 {
		f.Fatalf("%d payloads: %v", len(files), err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), "-")
		f.Add("POST", event, "application/json", "", uint8(bySecret), int64(len(body)), body)
	}
	for way := range uint8(ways) {
		f.Add("POST", "push", "application/json; charset=utf-8", "sha256="+strings.Repeat("0", 64), way, int64(-1), []byte(push))
		f.Add("POST", "push", "application/json", "sha256=", way, int64(-1), []byte(`{"repository":{"full_name":"a"},"Repository":{"full_name":7}}`))
		f.Add("POST", "create", "application/x-www-form-urlencoded", "sha1=00", way, int64(-1), []byte("payload=%7B%7D"))
		f.Add("GET", "ping", "", "", way, int64(26<<20), []byte{})
	}
	f.Fuzz(func(t *testing.T, method, event, kind, text string, way uint8, length int64, body []byte) {
		header := signedIn(way, text, string(body))
		face := newFace(t, secret, "next")
		code := fuzzed(face, method, event, kind, header, length, body)
		if !slices.Contains([]int{200, 202, 400, 401, 405, 413, 415}, code) {
			t.Fatalf("the answer is %d", code)
		}
		genuine := isGenuine(header, body)
		if refused := code == 401 || code == 405 || code == 413; !refused && !genuine || genuine && code == 401 {
			t.Fatalf("the signature %q over %q is answered by %d", header, body, code)
		}
		if len(face.woken) == 0 {
			return
		}
		if !genuine || method != http.MethodPost || code != http.StatusAccepted || len(face.woken) != 1 {
			t.Fatalf("%s of %q, signed by %q, is answered by %d and wakes %q", method, body, header, code, face.woken)
		}
		for _, name := range face.woken[0] {
			if name != "" && !slices.Contains(texts(body), name) {
				t.Fatalf("%q wakes %q", body, name)
			}
		}
	})
}

// fuzzed is one delivery, with headers and a length that no client would send.
func fuzzed(h http.Handler, method, event, kind, signature string, length int64, body []byte) int {
	r := httptest.NewRequest(http.MethodPost, "/webhook/github", bytes.NewReader(body))
	r.Method, r.ContentLength = method, length
	r.Header = http.Header{"X-Github-Event": {event}, "Content-Type": {kind}, "X-Hub-Signature-256": {signature}}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// texts are all strings that stand in a JSON text, keys too.
func texts(body []byte) []string {
	var found []string
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.Token()
		if err != nil {
			return found
		}
		if text, ok := token.(string); ok {
			found = append(found, text)
		}
	}
}
