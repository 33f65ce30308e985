package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Charts lists the charts that have a file in some environment, sorted.
func (p *Promoter) Charts(ctx context.Context) ([]string, error) {
	set := map[string]bool{}
	var failed []error
	r := p.newRound("")
	for _, env := range p.options.Environments {
		if err := r.chartsOf(ctx, env, set); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", env.Name, err))
		}
	}
	var charts []string
	for name := range set {
		charts = append(charts, name)
	}
	slices.Sort(charts)
	return charts, errors.Join(failed...)
}

// chartsOf matches the paths of the files against what is in the tree.
func (r *round) chartsOf(ctx context.Context, env Environment, set map[string]bool) error {
	head, err := r.head(ctx, env)
	if err != nil {
		return err
	}
	tree, err := r.repository(env).Tree(ctx, head)
	if err != nil {
		return err
	}
	for _, path := range tree.Paths() {
		for _, f := range env.Files {
			v, ok := f.Path.Match(path)
			if ok && goodName(v.Chart) && (v.Environment == "" || v.Environment == env.Name) {
				set[v.Chart] = true
			}
		}
	}
	return nil
}
