package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// list asks by protocol v2 for the references below the prefixes. That the server speaks it is remembered, so that a
// listing is one request from then on. A server that does not speak it answers the greeting with all its references.
func (s *httpSession) list(ctx context.Context, prefixes []string) (listing, error) {
	if s.dialer.isModern() {
		l, err := s.lsRefs(ctx, prefixes)
		if err == nil || ctx.Err() != nil || errors.Is(err, transport.ErrAuthenticationRequired) || errors.Is(err, transport.ErrAuthorizationFailed) {
			return l, err
		}
		s.dialer.setModern(false) // the repository has moved, or another server answers: greet it
	}
	l, modern, err := s.greet(ctx)
	if err != nil || !modern {
		return l, err
	}
	if l, err = s.lsRefs(ctx, prefixes); err == nil {
		s.dialer.setModern(true)
	}
	return l, err
}

// greet asks whether the server speaks protocol v2, and follows it to where the repository is now.
func (s *httpSession) greet(ctx context.Context) (l listing, modern bool, err error) {
	response, err := s.send(ctx, http.MethodGet, "/info/refs?service="+transport.UploadPackServiceName, nil)
	if err != nil {
		return listing{}, false, err
	}
	defer response.Body.Close()
	if moved, ok := s.UploadPackSession.(interface {
		ModifyEndpointIfRedirect(*http.Response) error
	}); ok {
		if err := moved.ModifyEndpointIfRedirect(response); err != nil {
			return listing{}, false, err
		}
		s.dialer.moveTo(*s.endpoint)
	}
	r := bufio.NewReader(response.Body)
	if beginsV2(r) {
		_, err := io.Copy(io.Discard, r) // what it can do beside; read, it frees the connection
		return listing{}, true, err
	}
	l, err = readAdvertised(r)
	return l, false, err
}

func (s *httpSession) lsRefs(ctx context.Context, prefixes []string) (listing, error) {
	command, err := lsRefs(prefixes)
	if err != nil {
		return listing{}, err
	}
	response, err := s.send(ctx, http.MethodPost, "/"+transport.UploadPackServiceName, command)
	if err != nil {
		return listing{}, err
	}
	defer response.Body.Close()
	return readLsRefs(response.Body)
}

// send sends one request of protocol v2 with the session's credentials. An answer that is no success is an error.
func (s *httpSession) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.endpoint.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set(protocolHeader, protocolV2)
	request.Header.Set("User-Agent", "git/1.0") // as go-git says; some servers answer git alone
	if method == http.MethodPost {
		request.Header.Set("Content-Type", fmt.Sprintf("application/x-%s-request", transport.UploadPackServiceName))
		request.Header.Set("Accept", fmt.Sprintf("application/x-%s-result", transport.UploadPackServiceName))
	}
	if s.auth != nil {
		s.auth.SetAuth(request)
	}
	response, err := s.dialer.http.Do(request)
	if err != nil {
		return nil, err
	}
	return response, githttp.NewErr(response) // which closes what it refuses
}
