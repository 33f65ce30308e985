package source

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// wire is a repository behind git's upload-pack service, however it is reached.
type wire struct {
	dialer dialer

	mu           sync.Mutex
	capabilities *capability.List // of the last listing; they only choose the form of a request
}

// dialer opens sessions with the credentials of now. A modern one is for list alone.
type dialer interface {
	dial(ctx context.Context, modern bool) (session, error)
}

// session is one upload-pack session. Over HTTP it costs nothing until it is used; over SSH it is a connection.
type session interface {
	AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error)
	UploadPack(ctx context.Context, request *packp.UploadPackRequest) (*packp.UploadPackResponse, error)
	// list asks by protocol v2 for the references below the prefixes; a server without it gives all.
	list(ctx context.Context, prefixes []string) (listing, error)
	Close() error
	// translate turns what went wrong into words of ours, without any secret.
	translate(err error) error
}

// with runs work in a session and translates its errors.
func (w *wire) with(ctx context.Context, modern bool, work func(context.Context, session) error) error {
	// What is left of an answer that was given up is not waited for: the end of the context ends its connection.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := w.dialer.dial(ctx, modern)
	if err != nil {
		return ended(ctx, err)
	}
	defer s.Close() //nolint:errcheck // all that was wanted has been read
	if err := work(ctx, s); err != nil {
		return s.translate(ended(ctx, err))
	}
	return nil
}

// list asks the first time by the old protocol, which tells all references and beside them how packs can be asked for: a
// tag costs three requests. After that it asks by the new one for what matters, which is all that an idle source costs.
func (w *wire) list(ctx context.Context, prefixes []string) (l listing, err error) {
	w.mu.Lock()
	modern := w.capabilities != nil && len(prefixes) > 0
	w.mu.Unlock()
	err = w.with(ctx, modern, func(ctx context.Context, s session) (err error) {
		if modern {
			l, err = s.list(ctx, prefixes)
			return err
		}
		advertised, err := w.advertise(ctx, s)
		if err == nil {
			l = listing{refs: advertised.References, peeled: advertised.Peeled}
		}
		return err
	})
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return listing{}, nil
	}
	return l, err
}

func (w *wire) advertise(ctx context.Context, s session) (*packp.AdvRefs, error) {
	advertised, err := s.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.capabilities = advertised.Capabilities
	return advertised, nil
}

// known returns what the server can do, and asks only if it was never listed.
func (w *wire) known(ctx context.Context, s session) (*capability.List, error) {
	w.mu.Lock()
	capabilities := w.capabilities
	w.mu.Unlock()
	if capabilities != nil {
		return capabilities, nil
	}
	advertised, err := w.advertise(ctx, s)
	if err != nil {
		return nil, err
	}
	return advertised.Capabilities, nil
}

// want is one request for a pack.
type want struct {
	wants, haves []plumbing.Hash
	depth        int
	filter       packp.Filter
}

// commit leaves the blobs out where the server can do that and can send them by their names later. Otherwise it takes
// the whole tree of the one commit.
func (w *wire) commit(ctx context.Context, name plumbing.Hash) (objects, error) {
	return w.fetch(ctx, func(c *capability.List) want {
		r := want{wants: []plumbing.Hash{name}}
		if c.Supports(capability.Shallow) {
			r.depth = 1
		}
		if c.Supports(capability.Filter) && c.Supports(capability.AllowReachableSHA1InWant) {
			r.filter = packp.FilterBlobNone()
		}
		return r
	})
}

func (w *wire) blobs(ctx context.Context, names []plumbing.Hash) (objects, error) {
	return w.fetch(ctx, func(*capability.List) want {
		return want{wants: slices.Clone(names)}
	})
}

// fetch sends one request, shaped by what the server can do, and unpacks the answer.
func (w *wire) fetch(ctx context.Context, shape func(*capability.List) want) (*pack, error) {
	var p *pack
	err := w.with(ctx, false, func(ctx context.Context, s session) error {
		capabilities, err := w.known(ctx, s)
		if err != nil {
			return err
		}
		request, err := newRequest(capabilities, shape(capabilities))
		if err != nil {
			return err
		}
		response, err := s.UploadPack(ctx, request)
		if err != nil {
			return err
		}
		defer response.Close()
		wire := newCapped(response, maxPack, "a pack")
		if p, err = unpack(ctx, demultiplex(wire, request.Capabilities), defaultPackLimits); err != nil {
			return err
		}
		// What is left is a few bytes that end the answer; read, they free the connection for the next request.
		io.Copy(io.Discard, io.LimitReader(wire, 4096)) //nolint:errcheck // the pack is whole
		return nil
	})
	return p, err
}

func newRequest(capabilities *capability.List, w want) (*packp.UploadPackRequest, error) {
	r := packp.NewUploadPackRequestFromCapabilities(capabilities)
	extra := []capability.Capability{}
	if capabilities.Supports(capability.NoProgress) {
		extra = append(extra, capability.NoProgress)
	}
	if w.depth > 0 {
		extra = append(extra, capability.Shallow)
		r.Depth = packp.DepthCommits(w.depth)
	}
	if w.filter != "" {
		extra = append(extra, capability.Filter)
		r.Filter = w.filter
	}
	for _, c := range extra {
		if err := r.Capabilities.Set(c); err != nil {
			return nil, err
		}
	}
	r.Wants, r.Haves = w.wants, w.haves
	return r, nil
}

// demultiplex takes the pack out of the side-band; what the server says beside it is dropped.
func demultiplex(r io.Reader, agreed *capability.List) io.Reader {
	switch {
	case agreed.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case agreed.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	}
	return r
}
