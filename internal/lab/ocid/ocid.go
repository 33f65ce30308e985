// Package ocid is a real OCI registry inside this process: CNCF distribution v3, in memory or on disk.
//
// It is the registry of the bench and one of the two that the tests run against. The other, in mem, is light enough for
// the binary, and serves the demo. This one has no referrers API, as GHCR has none, so that whoever works with it works
// with the fallback tags too. The promise: it keeps everything below one folder, listens on the loopback address only,
// prints nothing, and stops when it is closed.
package ocid

import (
	"context"
	"fmt"
	"net/http"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"

	// Distribution finds its parts by name; these three are all that it may find.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"

	"golang.org/x/crypto/bcrypt"

	"github.com/releaser/releaser/internal/lab/ocid/door"
)

// Options say where the registry keeps its content and who may enter. The zero value is an open registry in memory.
type Options struct {
	// Dir is the folder of the content, made when it is missing; in memory when empty.
	Dir string
	// HTPasswd is a file of users, as HTPasswdLine writes them; everybody may read and write when empty. It is read
	// again when it changes.
	HTPasswd string
	// Address is where Start listens; 127.0.0.1 and a free port when empty.
	Address string
	// TLS makes Start speak TLS with a certificate of this authority.
	TLS *door.Authority
}

// Server is one registry.
type Server struct {
	*door.Door
	options Options
	app     *handlers.App
}

// New makes a registry that is ready to serve as a handler, and does not listen yet.
func New(options Options) (server *Server, err error) {
	// Distribution panics where others return an error, for example on a folder that it cannot make.
	defer func() {
		if reason := recover(); reason != nil {
			server, err = nil, fmt.Errorf("registry in %q: %v", options.Dir, reason)
		}
	}()
	app := handlers.NewApp(quiet{context.Background()}, options.configuration())
	return &Server{Door: door.New(muted(app)), options: options, app: app}, nil
}

// Start makes a registry and listens.
func Start(options Options) (*Server, error) {
	server, err := New(options)
	if err != nil {
		return nil, err
	}
	if err := server.Open(options.Address, options.TLS); err != nil {
		return nil, err
	}
	return server, nil
}

// Close stops listening and ends what runs in the background. What is on disk stays.
func (s *Server) Close() error {
	if err := s.Door.Close(); err != nil {
		return err
	}
	return s.app.Shutdown()
}

func (o Options) configuration() *configuration.Configuration {
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"delete":   {"enabled": true},
			"redirect": {"disable": true},
			// The purger wakes after minutes and logs past our ears; a demo and a test leave nothing to purge.
			"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	if o.Dir == "" {
		config.Storage["inmemory"] = configuration.Parameters{}
	} else {
		config.Storage["filesystem"] = configuration.Parameters{"rootdirectory": o.Dir}
	}
	if o.HTPasswd != "" {
		config.Auth = configuration.Auth{"htpasswd": {"realm": "releaser lab", "path": o.HTPasswd}}
	}
	return config
}

// HTPasswdLine is a line of an htpasswd file, hashed as cheaply as bcrypt can: it guards nothing of worth.
func HTPasswdLine(user, password string) ([]byte, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s:%s\n", user, hash), nil
}

// muted gives every request a context in which distribution finds a silent logger.
func muted(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.ServeHTTP(w, r.WithContext(quiet{r.Context()}))
	})
}
