package forge

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Hook is where a repository's events go.
type Hook struct {
	// URL takes the POST.
	URL string
	// Secret signs the body.
	Secret string
}

// Delivery is one webhook that was sent or could not be.
type Delivery struct {
	// ID is the X-GitHub-Delivery header; a redelivery keeps it.
	ID    string
	Event string
	Body  []byte
	// Status is what the receiver answered; 0 when it did not.
	Status int
	Err    error
}

// SetHook sends a repository's events to a URL from now on, beginning with a ping. An empty URL ends them.
func (s *Server) SetHook(fullName string, h Hook) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	repo.hook = h
	s.emit(repo, "ping", s.pingEvent(repo))
	return nil
}

// Deliveries lists what was sent so far, in order, after waiting for what is on its way. The last 1,000 at least are kept.
func (s *Server) Deliveries() []Delivery { return s.hooks.wait() }

// Redeliver sends a webhook again under its old ID, as the button in GitHub's settings does.
func (s *Server) Redeliver(fullName, id string) error {
	all := s.hooks.wait() // before the lock: a receiver may be asking us something
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return fmt.Errorf("no webhook %q was sent", id)
	}
	s.hooks.send(repo.hook, Delivery{ID: id, Event: all[i].Event, Body: all[i].Body})
	return nil
}

// emit queues an event, if anybody listens.
func (s *Server) emit(repo *repository, event string, payload any) {
	if repo.hook.URL == "" {
		return
	}
	body, err := json.Marshal(payload)
	if err != nil {
		body = fmt.Appendf(nil, "%q", err.Error()) // never: the payloads are ours
	}
	s.hooks.send(repo.hook, Delivery{ID: deliveryID(), Event: event, Body: body})
}

// deliveryID is a random UUID.
func deliveryID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// dispatcher sends webhooks one after the other, beside the requests.
type dispatcher struct {
	client http.Client

	mu    sync.Mutex
	idle  *sync.Cond
	queue []errand
	busy  bool
	shut  bool
	sent  []Delivery
}

type errand struct {
	to Hook
	Delivery
}

// deliveryTime is how long GitHub waits for an answer.
const deliveryTime = 10 * time.Second

func newDispatcher() *dispatcher {
	d := &dispatcher{client: http.Client{Timeout: deliveryTime, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // GitHub does not follow either
	}}}
	d.idle = sync.NewCond(&d.mu)
	return d
}

func (d *dispatcher) send(to Hook, what Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return
	}
	d.queue = append(d.queue, errand{to, what})
	if !d.busy {
		d.busy = true
		go d.work()
	}
}

// work empties the queue, then ends.
func (d *dispatcher) work() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) > 0 {
		next := d.queue[0]
		d.queue = d.queue[1:]
		d.mu.Unlock()
		next.Status, next.Err = d.post(next)
		d.mu.Lock()
		d.sent = keepLast(d.sent, next.Delivery)
	}
	d.busy = false
	d.idle.Broadcast()
}

func (d *dispatcher) post(e errand) (int, error) {
	req, err := http.NewRequest(http.MethodPost, e.to.URL, bytes.NewReader(e.Body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "GitHub-Hookshot/releaser")
	req.Header.Set("X-GitHub-Event", e.Event)
	req.Header.Set("X-GitHub-Delivery", e.ID)
	req.Header.Set("X-GitHub-Hook-Installation-Target-Type", "repository")
	if e.to.Secret != "" {
		req.Header.Set("X-Hub-Signature-256", Sign(e.to.Secret, e.Body))
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, err
}

// Sign is the X-Hub-Signature-256 of a webhook's body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// wait lets the queue run empty and gives what was sent.
func (d *dispatcher) wait() []Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.busy {
		d.idle.Wait()
	}
	return slices.Clone(d.sent)
}

func (d *dispatcher) close() {
	d.mu.Lock()
	d.shut = true
	d.mu.Unlock()
	d.wait()
}
