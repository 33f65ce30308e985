package github

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// maxRefusal is how much of a refusal is read, in bytes: a message is short.
const maxRefusal = 64 << 10

// withoutEcho takes the token out of a refusal, for its text ends up in an error: some proxies repeat the header that
// they did not like. A token has no fixed length or form, so it is looked for as it was sent.
func withoutEcho(resp *http.Response, token string) {
	for _, values := range resp.Header {
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], token, "***")
		}
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	rest := io.Reader(http.NoBody)
	if err != nil {
		rest = failing{err}
	}
	text = bytes.ReplaceAll(text, []byte(token), []byte("***"))
	resp.Body = &struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rest), resp.Body}
}
