// Package web is the daemon's HTTP face: it takes hints, answers probes and shows figures.
//
// A hint is a webhook delivery of GitHub. Nothing is taken from its body but "wake this repository": what
// changed is read from git, the registry and the forge. So a delivery may be lost, repeated, reordered or
// replayed, and nothing comes of it but a look that finds nothing new.
package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Options are what New needs.
type Options struct {
	// Secrets sign the deliveries; several while one is replaced by the next. None may be empty. With no
	// secret at all there is no webhook: the path answers 404, and the daemon lives by its sweeps.
	Secrets [][]byte
	// Wake is told the repositories that a genuine delivery names, by every URL and name that it gives.
	// It returns at once and may be called many times for one change.
	Wake func(repositories []string)
	// Ready says why the daemon is not ready, nil when it is.
	Ready func() error
	// Note is what a daemon that is ready has to say besides; nil or empty for nothing.
	Note func() string
	// Alive says why the daemon should be started anew, nil when it should not.
	Alive func() error
	// Metrics answers /metrics.
	Metrics http.Handler
	// Delivered is told the outcome of each delivery, for the figures.
	Delivered func(event string, code int)
}

// Public is the handler for the address that GitHub reaches: the webhook, and the probes.
func Public(o Options) (http.Handler, error) {
	mux := http.NewServeMux()
	probes(mux, o)
	if len(o.Secrets) == 0 {
		return mux, nil
	}
	hook, err := newWebhook(o)
	if err != nil {
		return nil, err
	}
	mux.Handle("/webhook/github", hook)
	return mux, nil
}

// Internal is the handler for the address that the cluster alone reaches: metrics, and the probes.
func Internal(o Options) http.Handler {
	mux := http.NewServeMux()
	probes(mux, o)
	mux.Handle("GET /metrics", o.Metrics)
	return mux
}

// probes adds /healthz (the daemon moves) and /readyz (configuration is loaded, the loop runs and the journal answers; never
// whether GitHub or a registry is up, for a restart mends neither).
func probes(mux *http.ServeMux, o Options) {
	probe := func(path string, fault func() error, note func() string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if err := fault(); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintln(w, "ok")
			if note == nil {
				return
			}
			if text := note(); text != "" {
				fmt.Fprintln(w, text)
			}
		})
	}
	probe("GET /healthz", o.Alive, nil)
	probe("GET /readyz", o.Ready, o.Note)
}

// Serve answers on the listener until the context ends, then lets the requests under way finish within
// grace, and cuts off those that are slower. It returns nil after such an end.
func Serve(ctx context.Context, l net.Listener, h http.Handler, grace time.Duration) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := s.Shutdown(end)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.Close()
		}
		stopped <- err
	})
	err := s.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
