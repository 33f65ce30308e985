package forge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// state is what the JSON file keeps.
type state struct {
	Next         int64              `json:"next"`
	Accounts     []*account         `json:"accounts"`
	Repositories map[string]*record `json:"repositories"`
}

// record is what is remembered of a repository beside its git objects.
type record struct {
	ID         int64                      `json:"id"`
	OwnerID    int64                      `json:"ownerId"`
	Created    time.Time                  `json:"created"`
	Pulls      []*pull                    `json:"pulls"`
	Labels     []*label                   `json:"labels"`
	Protection map[string]Protection      `json:"protection"`
	Statuses   map[string][]*commitStatus `json:"statuses"`
	Checks     map[string][]*checkRun     `json:"checks"`
	Signed     map[string]bool            `json:"signed"`
}

// repository is a record with its place on disk.
type repository struct {
	Repository
	owner, name string
	git         bare
	hook        Hook
	last        comparison
	*record
}

// next gives an identifier that nothing else has.
func (s *state) next() int64 {
	s.Next++
	return s.Next
}

// load reads the file, if there is one.
func (s *Server) load() error {
	s.state.Repositories = map[string]*record{}
	if s.opts.File == "" {
		return nil
	}
	data, err := os.ReadFile(s.opts.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		return fmt.Errorf("%s: %w; remove the file to begin anew", s.opts.File, err)
	}
	return nil
}

// save writes the file whole and renames it, so that a crash leaves the old or the new one.
func (s *Server) save() error {
	if s.opts.File == "" {
		return nil
	}
	data, err := json.MarshalIndent(&s.state, "", " ")
	if err != nil {
		return err
	}
	part := s.opts.File + ".part"
	if err := os.WriteFile(part, data, 0o600); err != nil {
		return err
	}
	return os.Rename(part, s.opts.File)
}
