package journal

import (
	"context"
	"encoding/json"

	"github.com/riverqueue/river/riverdriver"
)

// bell tells the lanes of this process what is due, in place of a database that cannot. It is River's listener on SQLite,
// where one process is all there is. A ring that nobody hears is lost, as a notification would be: the look rings again.
type bell struct {
	rings chan *riverdriver.Notification
}

func newBell() *bell { return &bell{make(chan *riverdriver.Notification, 1000)} }

func (b *bell) ring(queues []string) {
	for _, q := range queues {
		b.send(topicInsert, insertPayload(q))
	}
}

func (b *bell) tell(topic string, what any) {
	payload, _ := json.Marshal(what)
	b.send(topic, payload)
}

func (b *bell) send(topic string, payload []byte) {
	select {
	case b.rings <- &riverdriver.Notification{Topic: topic, Payload: string(payload)}:
	default:
	}
}

// WaitForNotification is the next ring.
func (b *bell) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-b.rings:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// There is no connection: the rest of a listener's duties is nothing.

func (*bell) Close(context.Context) error            { return nil }
func (*bell) Connect(context.Context) error          { return nil }
func (*bell) Listen(context.Context, string) error   { return nil }
func (*bell) Unlisten(context.Context, string) error { return nil }
func (*bell) Ping(context.Context) error             { return nil }
func (*bell) Schema() string                         { return "" }
func (*bell) SetAfterConnectExec(string)             {}
