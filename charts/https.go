package charts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxIndex     = 20 << 20 // bytes of an index.yaml
	maxRedirects = 5
)

// HTTPS gets dependencies from chart repositories on the web: an index.yaml, and archives beside it or elsewhere.
// It speaks to the hosts that are named and to no other, whoever sends it there: Chart.yaml, the index or a redirect.
// It sends no credentials.
type HTTPS struct {
	// Hosts are the hosts that may be asked, as they stand in a URL, with a port where it is not 443. None: no host may.
	Hosts []string
	// Client makes the requests; its redirects are checked all the same. Nil means a client without a proxy.
	Client *http.Client
	// Timeout is for one dependency, index and archive together. Zero means a minute.
	Timeout time.Duration
}

var _ Getter = HTTPS{}

// Get finds the version in the index of the repository and fetches its archive, which must have the digest that the
// index gives, where it gives one. It changes nothing and may be called again.
func (h HTTPS) Get(ctx context.Context, repository, name, version string) ([]byte, error) {
	timeout := h.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	base, err := url.Parse(strings.TrimSuffix(repository, "/") + "/")
	if err != nil {
		return nil, &Unobtainable{Rule: "dependency-repository", Message: "the URL of its repository cannot be read", Fix: "mend it in Chart.yaml"}
	}
	index, err := h.fetch(ctx, base.JoinPath("index.yaml"), maxIndex)
	if err != nil {
		return nil, err
	}
	entry, err := entryOf(index, name, version)
	if err != nil {
		return nil, err
	}
	at, err := base.Parse(entry.URLs[0])
	if err != nil {
		return nil, &Unobtainable{Rule: "dependency-index", Message: "the index gives a URL that cannot be read", Fix: "take another version"}
	}
	archive, err := h.fetch(ctx, at, maxArchive)
	if err != nil {
		return nil, err
	}
	return archive, entry.check(archive)
}

// fetch reads at most limit bytes from an allowed host.
func (h HTTPS) fetch(ctx context.Context, at *url.URL, limit int64) ([]byte, error) {
	if err := h.allow(at); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := h.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; %s", at.Host, hideQuery(err), again)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, statusError(at, response)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w; %s", at.Host, at.Path, err, again)
	}
	if int64(len(data)) > limit {
		return nil, &Unobtainable{Rule: "dependency-size", Message: fmt.Sprintf("%s%s has more than %d bytes", at.Host, at.Path, limit), Fix: "put a copy under charts/: helm dependency build"}
	}
	return data, nil
}

// again is the next step after what may pass.
const again = "try again, or put a copy under charts/: helm dependency build"

// statusError tells what a retry may mend from what it will not.
func statusError(at *url.URL, response *http.Response) error {
	said := fmt.Sprintf("%s%s answers %s", at.Host, at.Path, response.Status)
	switch code := response.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("%s; %s", said, again)
	}
	return &Unobtainable{Rule: "dependency-missing", Message: said, Fix: "check the URL of the repository, and that it needs no password"}
}

// hideQuery takes the URL out of the client's error: a link to an archive may carry a signature.
func hideQuery(err error) error {
	var wrong *url.Error
	if errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}

// allow refuses any address but https on a named host. The metadata service of a cloud is refused like any other
// host that nobody named.
func (h HTTPS) allow(at *url.URL) error {
	if at.Scheme != "https" || at.User != nil || !slices.ContainsFunc(h.Hosts, func(host string) bool { return strings.EqualFold(host, at.Host) }) {
		return &Unobtainable{Rule: "dependency-host", Message: fmt.Sprintf("%s://%s is not an allowed host for dependencies", at.Scheme, at.Host),
			Fix: "list it in the source's dependencies.hosts, or put a copy under charts/: helm dependency build"}
	}
	return nil
}

// client is the configured client with redirects that are checked like any other address.
func (h HTTPS) client() *http.Client {
	client := http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	if h.Client != nil {
		client = *h.Client
	}
	client.Jar = nil
	client.CheckRedirect = func(request *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		return h.allow(request.URL)
	}
	return &client
}
