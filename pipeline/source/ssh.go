package source

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// dialTimeout bounds connecting and proving who we are, when the context leaves more.
const dialTimeout = 30 * time.Second

// sshDialer opens one connection per session. It does what go-git's own SSH transport does, but ends with its context
// also while a host is slow to greet, and reads neither ~/.ssh/config nor an agent.
type sshDialer struct {
	endpoint transport.Endpoint
	auth     Auth
}

func openSSH(a address, auth Auth) (remote, error) {
	if auth.SSHKeyFile == "" || auth.KnownHostsFile == "" {
		return nil, fmt.Errorf("SSH needs sshKeyFile and knownHostsFile; make the latter with: ssh-keyscan %s, and compare the fingerprints", a.endpoint.Host)
	}
	return &wire{dialer: &sshDialer{endpoint: a.endpoint, auth: auth}}, nil
}

func (d *sshDialer) address() string {
	return net.JoinHostPort(strings.Trim(d.endpoint.Host, "[]"), strconv.Itoa(d.endpoint.Port))
}

func (d *sshDialer) dial(ctx context.Context, modern bool) (session, error) {
	config, err := d.config()
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(bounded, "tcp", d.address())
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, unreachable)
	}
	stop := context.AfterFunc(bounded, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, d.address(), config)
	if err != nil {
		conn.Close()
		return nil, d.explain(ended(bounded, err))
	}
	if !stop() {
		return nil, context.Cause(bounded)
	}
	s := &sshSession{dialer: d, client: ssh.NewClient(c, channels, requests)}
	s.stop = context.AfterFunc(ctx, func() { s.client.Close() })
	if err := s.start(modern); err != nil {
		s.Close()
		return nil, foreign(fmt.Errorf("ssh: %w", err))
	}
	return s, nil
}

func (d *sshDialer) config() (*ssh.ClientConfig, error) {
	key, err := os.ReadFile(d.auth.SSHKeyFile)
	if err != nil {
		return nil, fmt.Errorf("auth.sshKeyFile: %w; make a deploy key with: ssh-keygen, or correct the path", err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		return nil, fmt.Errorf("auth.sshKeyFile: %s has a passphrase; make a deploy key without one", d.auth.SSHKeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("auth.sshKeyFile: %s cannot be read; give an OpenSSH private key", d.auth.SSHKeyFile)
	}
	if _, err := os.Stat(d.auth.KnownHostsFile); err != nil {
		return nil, fmt.Errorf("auth.knownHostsFile: %w; make it with: ssh-keyscan %s, and compare the fingerprints", err, d.endpoint.Host)
	}
	known, err := gitssh.NewKnownHostsDb(d.auth.KnownHostsFile)
	if err != nil {
		return nil, fmt.Errorf("auth.knownHostsFile: %w; make it with: ssh-keyscan %s, and compare the fingerprints", err, d.endpoint.Host)
	}
	return &ssh.ClientConfig{
		User:              d.endpoint.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   known.HostKeyCallback(),
		HostKeyAlgorithms: known.HostKeyAlgorithms(d.address()), // or the host may offer a key that is not the known one
	}, nil
}

// explain names the file to look at when the host or we are not who we should be.
func (d *sshDialer) explain(err error) error {
	unknown := (*knownhosts.KeyError)(nil)
	switch {
	case errors.As(err, &unknown) && len(unknown.Want) == 0:
		return fmt.Errorf("%w: the host %s is not in %s; add its key, and compare the fingerprint", ErrAuth, d.endpoint.Host, d.auth.KnownHostsFile)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: the host %s has another key than %s says; find out why before you change the file", ErrAuth, d.endpoint.Host, d.auth.KnownHostsFile)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%w: the host %s does not take the key in %s; add its public half as a deploy key", ErrAuth, d.endpoint.Host, d.auth.SSHKeyFile)
	}
	return foreign(err)
}

// sshSession is a running git-upload-pack: it advertises once, then takes one request.
type sshSession struct {
	dialer     *sshDialer
	client     *ssh.Client
	stop       func() bool
	stdin      io.WriteCloser
	stdout     *bufio.Reader
	stderr     complaint
	exited     chan struct{}
	advertised *packp.AdvRefs
}

func (s *sshSession) start(modern bool) error {
	run, err := s.client.NewSession()
	if err != nil {
		return err
	}
	if s.stdin, err = run.StdinPipe(); err != nil {
		return err
	}
	stdout, err := run.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdout = bufio.NewReader(stdout)
	run.Stderr = &s.stderr
	if modern {
		_ = run.Setenv(protocolVariable, protocolV2) // a server that takes no variables speaks the old protocol
	}
	if err := run.Start(transport.UploadPackServiceName + " " + quote(s.dialer.endpoint.Path)); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func() {
		defer close(s.exited)
		run.Wait() //nolint:errcheck // what it said counts, not how it ended; Close ends it
	}()
	return nil
}

// quote makes one word of a path for the shell on the other side, as git's sq_quote_buf does.
func quote(path string) string {
	return "'" + strings.NewReplacer(`'`, `'\''`, `!`, `'\!'`).Replace(path) + "'"
}

func (s *sshSession) Close() error {
	s.stop()
	return s.client.Close()
}

// AdvertisedReferencesContext reads the listing that the server begins with. Called again it repeats it.
func (s *sshSession) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.advertised != nil {
		return s.advertised, nil
	}
	a := packp.NewAdvRefs()
	err := a.Decode(newCapped(s.stdout, maxListing, "the list of references"))
	if errors.Is(err, packp.ErrEmptyAdvRefs) || err == nil && a.IsEmpty() {
		return nil, transport.ErrEmptyRemoteRepository
	}
	if err != nil {
		return nil, err
	}
	transport.FilterUnsupportedCapabilities(a.Capabilities)
	s.advertised = a
	return a, nil
}

func (s *sshSession) list(_ context.Context, prefixes []string) (listing, error) {
	if !beginsV2(s.stdout) {
		return readAdvertised(s.stdout)
	}
	for lines := pktline.NewScanner(newCapped(s.stdout, maxListing, "what the server can do")); ; {
		if !lines.Scan() {
			return listing{}, cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
		}
		if len(lines.Bytes()) == 0 {
			break
		}
	}
	command, err := lsRefs(prefixes)
	if err == nil {
		_, err = s.stdin.Write(command)
	}
	if err != nil {
		return listing{}, err
	}
	return readLsRefs(s.stdout)
}

// UploadPack sends the request after the listing, as the protocol has it.
func (s *sshSession) UploadPack(ctx context.Context, r *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	if _, err := s.AdvertisedReferencesContext(ctx); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := r.UploadRequest.Encode(s.stdin); err != nil {
		return nil, err
	}
	if err := r.UploadHaves.Encode(s.stdin, false); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(s.stdin, "0009done\n"); err != nil {
		return nil, err
	}
	response := packp.NewUploadPackResponse(r)
	return response, response.Decode(io.NopCloser(newCapped(s.stdout, maxAnswer, "the answer with a pack")))
}

// translate prefers what the server complained of to what came of it. It waits a little for the complaint, which comes
// on its own way.
func (s *sshSession) translate(err error) error {
	if errors.Is(err, transport.ErrEmptyRemoteRepository) || errors.Is(err, ErrTooLarge) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(time.Second):
	}
	if text := s.stderr.text(); text != "" {
		return foreign(fmt.Errorf("the git server says: %s; check the url and that the key may read it", text))
	}
	return foreign(err)
}

// complaint keeps the first line on a server's standard error.
type complaint struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write keeps a little and drops the rest.
func (c *complaint) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := 1000 - c.kept.Len(); left > 0 {
		c.kept.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}

func (c *complaint) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(c.kept.String()), "\n")
	return line
}
