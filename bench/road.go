package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// road is a longer way to a server: a proxy that holds every byte for half of the round-trip time, there and back.
type road struct {
	host  string
	proxy *toxiproxy.Proxy
}

func newRoad(name, to string, rtt time.Duration) (*road, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard))
	proxy := toxiproxy.NewProxy(server, name, "127.0.0.1:0", to)
	if err := proxy.Start(); err != nil {
		return nil, err
	}
	for _, direction := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"type": "latency", "stream": %q, "attributes": {"latency": %d}}`, direction, (rtt / 2).Milliseconds())
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			proxy.Stop()
			return nil, err
		}
	}
	return &road{host: proxy.Listen, proxy: proxy}, nil
}

// Close ends the proxy and its connections.
func (r *road) Close() error {
	r.proxy.Stop()
	return nil
}

// handshakes makes a new connection cost a round trip, as it does on a long road: the proxy holds data, and the
// packets that open a connection carry none. So the first byte comes one and a half round trips after the opening.
type handshakes struct {
	net.Listener
	rtt time.Duration
}

// Accept implements net.Listener.
func (h handshakes) Accept() (net.Conn, error) {
	conn, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &handshake{Conn: conn, ready: time.Now().Add(h.rtt + h.rtt/2)}, nil
}

// handshake is a connection whose first byte is read late.
type handshake struct {
	net.Conn
	once  sync.Once
	ready time.Time
}

// Read implements net.Conn.
func (h *handshake) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.once.Do(func() { time.Sleep(time.Until(h.ready)) })
	return n, err
}
