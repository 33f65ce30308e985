package gitdtest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH is a git server over SSH that lets one key read.
type SSH struct {
	// Addr is host:port.
	Addr string
	// KeyFile holds the private key that may read, KnownHostsFile the server's own key.
	KeyFile, KnownHostsFile string
	// Old lets no client choose git's protocol by GIT_PROTOCOL, as servers do that take no variables.
	Old bool

	root string
}

// URL is the clone URL of a repository.
func (s *SSH) URL(name string) string { return "ssh://git@" + s.Addr + "/" + name }

// ServeSSH serves the repositories below root over SSH until the test ends. It runs git-upload-pack and nothing else.
func ServeSSH(t testing.TB, root string) *SSH {
	t.Helper()
	dir := t.TempDir()
	s := &SSH{root: root, KeyFile: filepath.Join(dir, "id"), KnownHostsFile: filepath.Join(dir, "known_hosts")}
	client, host := newKey(t), newKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.signer.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(host.signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s.Addr = listener.Addr().String()
	write(t, s.KeyFile, client.pem)
	write(t, s.KnownHostsFile, []byte(knownhosts.Line([]string{s.Addr}, host.signer.PublicKey())+"\n"))
	go s.serve(listener, config)
	return s
}

// NewKeyFile writes a private key that no server knows.
func NewKeyFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "id")
	write(t, name, newKey(t).pem)
	return name
}

type key struct {
	signer ssh.Signer
	pem    []byte
}

func newKey(t testing.TB) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return key{signer, pem.EncodeToMemory(block)}
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *SSH) serve(listener net.Listener, config *ssh.ServerConfig) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			for channel := range channels {
				go s.session(channel)
			}
		}()
	}
}

func (s *SSH) session(offer ssh.NewChannel) {
	if offer.ChannelType() != "session" {
		offer.Reject(ssh.UnknownChannelType, "sessions only")
		return
	}
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	protocol := ""
	for request := range requests {
		if request.Type == "env" && !s.Old {
			var variable struct{ Name, Value string }
			ssh.Unmarshal(request.Payload, &variable)
			if variable.Name == "GIT_PROTOCOL" { // as sshd has it by AcceptEnv
				protocol = variable.Value
			}
			request.Reply(variable.Name == "GIT_PROTOCOL", nil)
			continue
		}
		if request.Type != "exec" {
			request.Reply(false, nil)
			continue
		}
		request.Reply(true, nil)
		var command struct{ Text string }
		ssh.Unmarshal(request.Payload, &command)
		status := s.run(command.Text, protocol, channel)
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

func (s *SSH) run(command, protocol string, channel ssh.Channel) uint32 {
	name, ok := strings.CutPrefix(command, "git-upload-pack '")
	if !ok {
		fmt.Fprintln(channel.Stderr(), "only git-upload-pack is served")
		return 128
	}
	dir := filepath.Join(s.root, filepath.FromSlash(strings.TrimSuffix(name, "'")))
	cmd := exec.Command("git", "upload-pack", dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C", "GIT_PROTOCOL=" + protocol}
	// A pipe rather than cmd.Stdin: a client that holds the channel open must not hold the command.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 128
	}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := cmd.Start(); err != nil {
		return 128
	}
	go func() {
		io.Copy(stdin, channel)
		stdin.Close()
	}()
	if cmd.Wait() != nil {
		return 128
	}
	return 0
}
