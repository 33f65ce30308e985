package crash

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestADoorKillsBeforeAServerHearsOfTheRequestOrAfterItIsDone(t *testing.T) {
	t.Parallel()
	for when, want := range map[Moment]struct{ heard, status int }{Before: {2, 0}, After: {3, http.StatusTeapot}} {
		heard := 0
		door := New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			heard++
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.Copy(w, r.Body)
		}))
		server := httptest.NewServer(door)
		defer server.Close()
		killed := 0
		door.KillAt(2, when, func() { killed++ })
		var got []error
		for range 3 {
			resp, err := http.Post(server.URL+"/a?b=c", "text/plain", nil)
			if err == nil {
				resp.Body.Close()
			}
			got = append(got, err)
		}
		if got[0] != nil || !errors.Is(got[1], io.EOF) || got[2] != nil {
			t.Errorf("%s: the three requests end with %v", when, got)
		}
		second := door.Requests()[1]
		if killed != 1 || heard != want.heard || second.Status != want.status || second.Killed != when || second.Path != "/a?b=c" {
			t.Errorf("%s: killed %d times, the server has heard %d times, the second request is %+v", when, killed, heard, second)
		}
	}
}
