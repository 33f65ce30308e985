package web

import (
	"context"
	"encoding/json"
	"net/http"
)

// Control is what a person may ask of the daemon.
type Control struct {
	// Queue gives what the daemon has to do, as a value for JSON.
	Queue func(context.Context) (any, error)
	// History gives what became of a tag, as a value for JSON; of any source if that is empty.
	History func(ctx context.Context, source, tag string) (any, error)
	// Retry and Cancel act on a tag; an empty source means the only one that has it.
	Retry, Cancel func(ctx context.Context, source, tag string) error
}

// Order is the body of a retry or cancel.
type Order struct {
	Source string `json:"source,omitempty"`
	Tag    string `json:"tag"`
}

// maxOrder is the largest body of an order, in bytes.
const maxOrder = 64 << 10

// Handler answers GET /queue and /history?tag=NAME, and POST /retry and /cancel. Whoever reaches it may do all of that: it belongs on a socket
// that the file system guards.
func (c Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /queue", shown(func(r *http.Request) (any, error) { return c.Queue(r.Context()) }))
	mux.HandleFunc("GET /history", shown(func(r *http.Request) (any, error) {
		return c.History(r.Context(), r.FormValue("source"), r.FormValue("tag"))
	}))
	mux.HandleFunc("POST /retry", order(c.Retry))
	mux.HandleFunc("POST /cancel", order(c.Cancel))
	return mux
}

func shown(read func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := read(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}
}

func order(do func(ctx context.Context, source, tag string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o Order
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder)).Decode(&o); err != nil || o.Tag == "" {
			http.Error(w, `write {"tag": "NAME"}`, http.StatusBadRequest)
			return
		}
		if err := do(r.Context(), o.Source, o.Tag); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
