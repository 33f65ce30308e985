package journal

import (
	"context"
	"fmt"
)

// Busy counts the releases of a source, or of any source if it is empty, that run or are due. Those whose time comes later do
// not count.
func (j *Journal) Busy(ctx context.Context, source string) (n int, err error) {
	lane := ""
	if source != "" {
		lane = Release{Source: source}.lane()
	}
	if err := j.db.QueryRowContext(ctx, j.say.busy, lane).Scan(&n); err != nil {
		return 0, fmt.Errorf("reading the schedule: %w", err)
	}
	return n, nil
}
