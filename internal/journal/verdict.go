package journal

import (
	"math/rand/v2"
	"time"
)

// A State is how a job stands.
type State string

const (
	// Queued is a job that waits for its turn and has not been begun.
	Queued State = "queued"
	// Running is a job that a hand works on.
	Running State = "running"
	// Retrying is a job that failed for a reason that passes, and is tried again.
	Retrying State = "retrying"
	// Waiting is a job whose time has not come: something that it needs is not there yet.
	Waiting State = "waiting"
	// Succeeded is a job that is done.
	Succeeded State = "done"
	// Refused is a job that cannot be done as it is: somebody has to change what it is about.
	Refused State = "rejected"
	// Stopped is a job that is held for a person.
	Stopped State = "held"
	// Cancelled is a job that a person called off.
	Cancelled State = "cancelled"
)

// Settled reports whether a job in this state is left alone until somebody says otherwise.
func (s State) Settled() bool {
	return s == Succeeded || s == Refused || s == Stopped || s == Cancelled
}

// A Verdict is what a hand says about the job that it did. It is made by one of the functions below.
type Verdict struct {
	state State
	err   error
	after time.Duration // to the next look; for Retrying the least
	since time.Time     // of Waiting
	rests bool          // Succeeded, and begins anew after `after`
	gone  bool          // Succeeded, and leaves no trace
	// gaveUp says that no hand came to this verdict.
	gaveUp bool
}

// Done says that the job is done.
func Done() Verdict { return Verdict{state: Succeeded} }

// Gone says that there is no such job any more, as there is no such tag: it leaves the schedule and has no standing. Asked for
// again, it is done again.
func Gone() Verdict { return Verdict{state: Succeeded, gone: true} }

// Rest says that the job is done and is to be done anew after d: so a source is swept again and again. d begins now, at the
// end of the job, and over all replicas the job is done once in it.
func Rest(d time.Duration) Verdict { return Verdict{state: Succeeded, rests: true, after: d} }

// Again says that the job failed for a reason that passes. It is tried again after a while that doubles each time, from 1
// second to 10 minutes, with jitter; never before after, which is what a server asked for in Retry-After, or 0. A Release
// or Propose that has failed so for 24 hours is held for a person; a Sweep or Follow is tried for ever.
func Again(err error, after time.Duration) Verdict {
	return Verdict{state: Retrying, err: err, after: after}
}

// Waits says that something which the job needs is not there yet, what, and since when the job waits for that. It is looked at
// again after look. How long it may wait is the hand's to say: Was tells it what it said the last time.
func Waits(reason error, since time.Time, look time.Duration) Verdict {
	return Verdict{state: Waiting, err: reason, since: since, after: look}
}

// Rejected says that the job cannot be done as it is, and what to change. Only Retry begins it again.
func Rejected(err error) Verdict { return Verdict{state: Refused, err: err} }

// Held says that the job waits for a person, and for what. Only Retry begins it again.
func Held(err error) Verdict { return Verdict{state: Stopped, err: err} }

// final reports whether the job is at its end.
func (v Verdict) final() bool { return v.state.Settled() && !v.rests }

const (
	backoffMin = time.Second
	backoffMax = 10 * time.Minute
	patience   = 24 * time.Hour // for what is temporary
)

// backoff is how long to wait after the n-th failure in a row, counted from 1: a random while between the least and twice the
// one before, so that a thousand jobs which failed together do not come back together.
func backoff(n int) time.Duration {
	most := backoffMax
	if n < 10 {
		most = backoffMin << n
	}
	return backoffMin + rand.N(most-backoffMin+1)
}
