package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/registry"
)

// Absent is an image that a release waits for, as it is not in its registry yet.
type Absent struct {
	// Image is host/repository:tag, Tag the git tag that waits for it.
	Image, Tag string
	// Wait is how long the release may wait. Since when, only whoever looks again and again knows; see Outcome.Timed.
	Wait time.Duration
}

// Error is for somebody who asked once.
func (e *Absent) Error() string {
	return fmt.Sprintf("%s; push it, then run releaser release %s again", e.missing(), e.Tag)
}

// missing says what is not there, in words that stay the same.
func (e *Absent) missing() string { return "image " + e.Image + " is not in its registry yet" }

// waitsForImage tells whether the configuration asks for an image. A library has none.
func (j Job) waitsForImage(p charts.Pinned) bool { return j.rule.Image != nil && !p.Library() }

// Image is the image that the release waits for, as the chart's values name it; without a name where it waits for none.
func (j Job) Image(p charts.Pinned) (charts.Image, error) {
	if !j.waitsForImage(p) {
		return charts.Image{}, nil
	}
	return p.Image(j.rule.Image.Key, j.rule.ImageTag())
}

// image is the stage that looks for the image; nil where the job waits for none.
func (l *Line) image(ctx context.Context, job Job, pinned charts.Pinned) func() (registry.Image, error) {
	if !job.waitsForImage(pinned) {
		return nil
	}
	return func() (registry.Image, error) {
		rule := job.rule.Image
		named, err := job.Image(pinned)
		if err != nil {
			return registry.Image{}, err
		}
		found, err := l.Registry.Image(ctx, named.Name, rule.Hosts)
		var no *charts.Unobtainable
		switch {
		case errors.As(err, &no):
			return found, named.Reject(no)
		case errors.Is(err, registry.ErrNotFound):
			return found, &Absent{Image: found.Reference, Tag: job.Tag.Name, Wait: rule.Wait}
		}
		return found, err
	}
}

// Timed is the outcome for whoever looks again and again and has seen since when the release waits for its image: with the
// deadline and, once that has passed, rejected. Every other outcome stays as it is.
func (o Outcome) Timed(since, now time.Time) Outcome {
	var absent *Absent
	if !errors.As(o.Err, &absent) {
		return o
	}
	o.Deadline = since.Add(absent.Wait).UTC().Truncate(time.Second)
	if now.Sub(since) < absent.Wait {
		o.Reason = fmt.Sprintf("%s; push it before %s, when this release is rejected", absent.missing(), o.Deadline.Format(time.RFC3339))
		return o
	}
	o.Reason = fmt.Sprintf("image %s did not come to its registry within %s; push it, then run releaser release %s, or tag a commit whose image is there",
		absent.Image, absent.Wait, absent.Tag)
	o.State, o.Err = Rejected, &Unfit{Reason: o.Reason}
	return o
}

// timed is Outcome.Timed since this memory first met the outcome.
func (k *Known) timed(o Outcome, now time.Time) Outcome {
	var absent *Absent
	if !errors.As(o.Err, &absent) {
		return o
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := [4]string{o.Source, o.Tag, o.Commit, o.Chart}
	if _, ok := k.absent[key]; !ok {
		k.absent[key] = now
	}
	return o.Timed(k.absent[key], now)
}
