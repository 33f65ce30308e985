package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/postgres"
)

// F24
func TestReplicasShareTheWorkAndDoEachJobOnce(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	var mu sync.Mutex
	done := map[Release]int{}
	by := map[int]int{}
	journals := []*Journal{s.open(t, Options{}), s.open(t, Options{}), s.open(t, Options{})}
	var jobs []Job
	for i := range 300 {
		jobs = append(jobs, Release{fmt.Sprintf("source-%d", i%3), fmt.Sprintf("v%d", i), "c0ffee"})
	}
	var all sync.WaitGroup
	for _, j := range journals {
		all.Go(func() {
			if err := j.Ask(t.Context(), jobs...); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, j := range journals {
		h := idle()
		h.Release = func(_ context.Context, r Release) Verdict {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			done[r]++
			by[i]++
			return Done()
		}
		run(t, j, h)
	}
	until(t, "all done", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == len(jobs) })
	mu.Lock()
	defer mu.Unlock()
	for r, n := range done {
		if n != 1 {
			t.Errorf("%v was done %d times", r, n)
		}
	}
	if len(by) != len(journals) {
		t.Errorf("the work was shared like this: %v", by)
	}
}

func TestReplicasThatAskForTheSameInDifferentOrdersDoNotFail(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	var jobs []Job
	for i := range 200 {
		jobs = append(jobs, Sweep{fmt.Sprint(i)})
	}
	back := slices.Clone(jobs)
	slices.Reverse(back)
	var all sync.WaitGroup
	for i := range 4 {
		j := s.open(t, Options{})
		all.Go(func() {
			for range 10 {
				if err := j.Hint(t.Context(), [][]Job{jobs, back}[i%2]...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestReplicasMayStartOnAnEmptyDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			var o Options
			s.options(&o)
			j, err := Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			j.Close()
		})
	}
	all.Wait()
}

func TestAloneIsAlone(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		journals := []*Journal{s.open(t, Options{})}
		if s.shared {
			journals = append(journals, s.open(t, Options{}), s.open(t, Options{}))
		}
		var in, most, times, others atomic.Int32
		var all sync.WaitGroup
		for _, j := range journals {
			for range 5 {
				all.Go(func() {
					err := j.Alone(t.Context(), "registry.test/charts/web", func(ctx context.Context) error {
						most.Store(max(most.Load(), in.Add(1)))
						time.Sleep(time.Millisecond)
						times.Add(1)
						in.Add(-1)
						return j.Alone(ctx, "another name", func(context.Context) error { others.Add(1); return nil })
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if n := int32(5 * len(journals)); most.Load() != 1 || times.Load() != n || others.Load() != n {
			t.Errorf("%d at once; %d and %d times", most.Load(), times.Load(), others.Load())
		}
	})
}

func TestWhoWaitsToBeAloneMayGiveUpAndTheErrorOfTheOneInsideComesOut(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		other := j
		if s.shared {
			other = s.open(t, Options{})
		}
		ctx, giveUp := context.WithCancel(t.Context())
		err := j.Alone(t.Context(), "web", func(context.Context) error {
			time.AfterFunc(50*time.Millisecond, giveUp)
			if err := other.Alone(ctx, "web", func(context.Context) error { t.Error("two are in"); return nil }); !errors.Is(err, context.Canceled) {
				t.Error("gave up with", err)
			}
			return errPasses
		})
		if !errors.Is(err, errPasses) {
			t.Error(err)
		}
		must(t, other.Alone(t.Context(), "web", func(context.Context) error { return nil }))
	})
}

// F25: what is left of a replica that slept so long that the server ended its session. The server is told to end it here,
// instead of a minute's sleep.
func TestAReplicaThatIsThoughtDeadLosesItsLocksAndItsVerdictsCountForNothing(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	slept, lives := s.open(t, Options{}), s.open(t, Options{})
	job := Release{"web", "web-1.0.0", "c0ffee"}
	began, wake, lost := make(chan bool), make(chan bool), make(chan error, 1)
	taken, finish := make(chan bool, 10), make(chan bool)
	h := idle()
	h.Release = func(ctx context.Context, _ Release) Verdict {
		slept.Alone(ctx, "web", func(ctx context.Context) error {
			began <- true
			<-ctx.Done()
			lost <- context.Cause(ctx)
			return nil
		})
		<-wake
		return Rejected(errors.New("of one who slept"))
	}
	stop := run(t, slept, h)
	must(t, slept.Ask(t.Context(), job))
	<-began
	endSessions(t, lives, slept.id)
	h = idle()
	h.Release = func(ctx context.Context, _ Release) Verdict {
		if err := lives.Alone(ctx, "web", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		taken <- true
		<-finish
		return Done()
	}
	run(t, lives, h)
	<-taken
	if err := <-lost; !errors.Is(err, errLost) {
		t.Error("the context ended with", err)
	}
	close(wake)
	stop()
	if is := stands(t, lives, job); is.State != Running || is.Reason != "" {
		t.Errorf("after the sleeper's verdict: %+v", is)
	}
	close(finish)
	until(t, "done by the living", func() bool { return stands(t, lives, job).State == Succeeded })
	if len(taken) > 0 {
		t.Error("begun once more")
	}
}

// endSessions ends the session of a replica's locks, as the server does after a minute of silence.
func endSessions(t *testing.T, j *Journal, id string) {
	t.Helper()
	ended, err := column[bool](t.Context(), j.db, fmt.Sprintf(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid = %d AND objid::bigint = hashtext('%s')::bigint & 4294967295`, lockReplica, id))
	must(t, err)
	if len(ended) != 1 || !ended[0] {
		t.Fatalf("the replica %s has no session: %v", id, ended)
	}
}

// A replica that is stopped is silent, and must neither keep its locks nor its rows.
func TestTheServerEndsWhatASilentReplicaHolds(t *testing.T) {
	t.Parallel()
	j := onServer(t).open(t, Options{})
	var locks, rows string
	must(t, j.locks.(*session).conn.QueryRow(t.Context(), "SHOW idle_session_timeout").Scan(&locks))
	must(t, j.db.QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&rows))
	if locks != "1min" || rows != "1min" {
		t.Errorf("locks only after %s, rows only after %s", locks, rows)
	}
}

func TestWorkGoesOnAfterTheServerWasRestarted(t *testing.T) {
	t.Parallel()
	postgres.Need(t)
	server, err := postgres.Start()
	must(t, err)
	defer server.Close()
	url, err := server.Database(t.Context(), "journal")
	must(t, err)
	j := opened(t, Options{URL: func() (string, error) { return url, nil }})
	var during atomic.Bool
	began := make(chan bool)
	h := idle()
	h.Release = func(context.Context, Release) Verdict {
		if during.CompareAndSwap(false, true) {
			began <- true
			if err := server.Restart(); err != nil {
				t.Error(err)
			}
		}
		return Done()
	}
	stop := run(t, j, h)
	defer stop()
	first, second := Release{"web", "web-1.0.0", "c0ffee"}, Release{"web", "web-1.1.0", "c0ffee"}
	must(t, j.Ask(t.Context(), first))
	<-began
	until(t, "the verdict of before is written", func() bool {
		all, err := j.Standings(t.Context(), "release", "web")
		return err == nil && len(all) == 1 && all[0].State == Succeeded
	})
	until(t, "asked for", func() bool { return j.Ask(t.Context(), second) == nil })
	until(t, "done", func() bool { return stands(t, j, second).State == Succeeded })
	must(t, j.Alone(t.Context(), "web", func(context.Context) error { return nil }))
}

func TestTheURLIsReadAnewAndIsInNoError(t *testing.T) {
	t.Parallel()
	server := started(t)
	good, err := server.Database(t.Context(), "secrets")
	must(t, err)
	var log bytes.Buffer
	for _, url := range badURLs(good, server) {
		_, err := Open(t.Context(), Options{URL: func() (string, error) { return url, nil }, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err == nil {
			t.Fatalf("%s opens", url)
		}
		if strings.Contains(err.Error(), server.Password()) {
			t.Errorf("the password is in: %v", err)
		}
	}
	if strings.Contains(log.String(), server.Password()) {
		t.Errorf("the password is in the log: %s", &log)
	}
	var asked atomic.Int32
	j := opened(t, Options{URL: func() (string, error) { asked.Add(1); return good, nil }})
	before := asked.Load()
	run(t, j, idle())
	must(t, j.Ask(t.Context(), Sweep{"web"}))
	until(t, "asked for the URL again", func() bool { return asked.Load() > before })
}

func TestASchemaOfANewerReleaserIsAnErrorOnASharedDatabase(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	_, err := s.open(t, Options{}).db.ExecContext(t.Context(), "INSERT INTO releaser_schema (version) VALUES (999)")
	must(t, err)
	var o Options
	s.options(&o)
	if _, err := Open(t.Context(), o); !errors.Is(err, errNewer) {
		t.Error(err)
	}
}

// badURLs are a good one with something wrong in it.
func badURLs(good string, server *postgres.Server) []string {
	return []string{
		strings.Replace(good, server.Password(), "wr0ng-"+server.Password(), 1),
		strings.Replace(good, server.Password(), server.Password()+"%zz", 1),
		strings.Replace(good, "127.0.0.1", "127.0.0.1:1:", 1),
		strings.Replace(good, "sslmode=disable", "sslmode="+server.Password(), 1),
		strings.Replace(good, server.Address(), "127.0.0.1:1", 1),
		"host=127.0.0.1 port=x password=" + server.Password(),
	}
}
