// Package journal remembers what is to be done, does it, and writes down what came of it. Its noun is the Journal: a
// schedule of jobs and a record of how each one stands, in a SQLite file of one process or in a PostgreSQL that several
// replicas share.
//
// Git, the registry and the forge are the truth; the journal is only a schedule and a history. It may be deleted at any
// moment: the next sweep finds the work again, and since every effect looks before it acts, nothing is done twice.
//
// The promises:
//
//   - A job is what it does. Asking for it twice makes one job, whoever asks and on whichever replica; a hint for a job that
//     runs makes it run once more, as what it has read may be old by now.
//   - A job ends by a verdict of the hand that did it, and by nothing else: no number of attempts and no timeout ends it. The
//     verdict and the record of it are one transaction. A job that was asked for is begun until it has a final verdict.
//   - A job runs at one place at a time. When its process dies it begins again elsewhere, at once on the file and within half a
//     minute on PostgreSQL. A process that was stopped and wakes up may still finish what it does, but its verdict counts for
//     nothing once the job has begun elsewhere. What must not overlap even then takes Alone, and writes that can be refused.
//   - A source that is slow or fails holds its own lane alone.
//   - There is no leader: what one replica does, each can.
//
// What is inside: River holds the rows, makes them unique and fetches them, lane by lane. The verdicts are ours, so that no
// job is ever ended by a retry policy, and so is the clock, so that no job waits for an election.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where the journal is and how much it does at once.
type Options struct {
	// Dir is the folder of the SQLite file. It is made if it is not there, readable by its owner alone.
	Dir string
	// URL gives the address of a PostgreSQL database, which is then used instead of Dir. It is asked again for each
	// new connection, so that a file that holds the address may change.
	URL func() (string, error)
	// Limits say how many jobs run at once in this process. The zero value is a good default.
	Limits Limits
	// Keep is how long history is kept; zero means 90 days. How a tag stands is kept until Forget.
	Keep time.Duration
	// Log gets the warnings of the machinery: a database that does not answer, a connection that is made anew. No secret
	// of the URL is in them. Nil means none.
	Log *slog.Logger
}

// Limits are the numbers of jobs that run at once in one process. Zero means the default in brackets.
type Limits struct {
	Sweeps    int // [16] of all sources
	Releases  int // [16] of all sources
	PerSource int // [4] releases of one source
	Proposals int // [4]
	Follows   int // [4]
}

// A Journal is a schedule of jobs and the record of how each one stands. It is made by Open and is safe for use by many
// goroutines.
type Journal struct {
	// SetAside is where the file went that Open could not read, or empty. An empty journal took its place: whoever opens
	// the journal should say so to a person, though there is nothing to do.
	SetAside string

	id     string // of this process, in the rows that it runs
	db     *sql.DB
	say    statements
	rows   rows
	locks  locks
	shared bool // several processes
	limits Limits
	keep   time.Duration
	log    *slog.Logger

	hands    Hands
	slots    chan struct{} // releases of all sources
	poke     chan struct{} // the look is due now
	stopping atomic.Bool
	beat     atomic.Int64

	lanes  map[string]bool // those that are served; the look's own
	strays map[stray]bool  // rows that seemed to be nobody's the last time; the look's own

	mu      sync.Mutex
	running map[int64]bool // the rows that a hand works on here

	closers []func() error // last first
}

// ErrInUse is what Open returns when another process has the journal's folder.
var ErrInUse = errors.New("the journal is in use")

// Open opens the journal, and makes it if there is none. It needs the database to answer: a caller for whom the database may
// still be starting tries again. Nothing runs before Run, but jobs may be asked for.
//
// A SQLite file that cannot be read, or that a newer releaser wrote, is set aside and a new one begun; see SetAside. A
// PostgreSQL schema that a newer releaser wrote is an error.
func Open(ctx context.Context, o Options) (*Journal, error) {
	j := &Journal{
		id:      newID(),
		limits:  o.Limits.orDefaults(),
		keep:    o.Keep,
		log:     quiet(o.Log),
		poke:    make(chan struct{}, 1),
		lanes:   map[string]bool{},
		running: map[int64]bool{},
		strays:  map[stray]bool{},
	}
	if j.keep == 0 {
		j.keep = 90 * 24 * time.Hour
	}
	j.slots = make(chan struct{}, j.limits.Releases)
	open := j.openSQLite
	if o.URL != nil {
		open, j.shared = j.openPostgres, true
	}
	if err := open(ctx, o); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	j.moved()
	return j, nil
}

// Close gives back what Open took. Run must have returned. The second time it does nothing.
func (j *Journal) Close() error {
	var errs []error
	for len(j.closers) > 0 {
		last := len(j.closers) - 1
		errs = append(errs, j.closers[last]())
		j.closers = j.closers[:last]
	}
	return errors.Join(errs...)
}

// Beat is when the journal last looked at its schedule and found the database there: it does so every second while Run
// works. A beat that is old means that nothing moves, whatever the reason.
func (j *Journal) Beat() time.Time { return time.Unix(0, j.beat.Load()) }

func (j *Journal) moved() { j.beat.Store(time.Now().UnixNano()) }

func (l Limits) orDefaults() Limits {
	for _, d := range []struct {
		n      *int
		normal int
	}{{&l.Sweeps, 16}, {&l.Releases, 16}, {&l.PerSource, 4}, {&l.Proposals, 4}, {&l.Follows, 4}} {
		if *d.n <= 0 {
			*d.n = d.normal
		}
	}
	return l
}
