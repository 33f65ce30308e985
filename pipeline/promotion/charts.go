package promotion

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/placeholder"
)

// Charts lists the charts that have files in an environment, sorted; in any environment when it has no name.
// Files that have no place for a release, of a name that the registry does not know, are no chart's.
func (p *Promoter) Charts(ctx context.Context, environment string) ([]string, error) {
	ladder := p.options.Environments
	if environment != "" {
		env, err := p.environment(environment)
		if err != nil {
			return nil, err
		}
		ladder = []Environment{env}
	}
	return p.chartsIn(ctx, ladder)
}

// ChartsOf lists the charts that have files in the environments of a repository, sorted.
func (p *Promoter) ChartsOf(ctx context.Context, repository string) ([]string, error) {
	return p.chartsIn(ctx, p.in(repository))
}

// Glance tells what changes whenever the environments of a repository or its open pull requests do; empty where that cannot be
// told. As long as nothing changes GitHub does not count the questions.
func (p *Promoter) Glance(ctx context.Context, repository string) (string, error) {
	at, asked := "", map[string]bool{}
	for _, env := range p.in(repository) {
		if asked[env.Branch] {
			continue
		}
		asked[env.Branch] = true
		now, err := p.options.GitHub.Repository(repository).Glance(ctx, env.Branch)
		if err != nil || now == "" {
			return "", err
		}
		at += now + " "
	}
	return at, nil
}

// in are the environments whose files lie in a repository.
func (p *Promoter) in(repository string) (ladder []Environment) {
	for _, env := range p.options.Environments {
		if env.Repository == repository {
			ladder = append(ladder, env)
		}
	}
	return ladder
}

func (p *Promoter) chartsIn(ctx context.Context, ladder []Environment) ([]string, error) {
	set := map[string]bool{}
	var failed []error
	r := p.newRound("")
	for _, env := range ladder {
		if err := r.chartsOf(ctx, env, set); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", env.Name, err))
		}
	}
	maps.DeleteFunc(set, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(set)), errors.Join(failed...)
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
	looked := map[string]bool{}
	for _, path := range tree.Paths() {
		for _, f := range env.Files {
			v, ok := f.Path.Bind(placeholder.Values{Environment: env.Name}).Match(path)
			if !ok || !goodName(v.Chart) || set[v.Chart] || looked[v.Chart] {
				continue
			}
			looked[v.Chart] = true
			if set[v.Chart], err = r.isChart(ctx, env, head, v.Chart); err != nil {
				return err
			}
		}
	}
	return nil
}

// isChart tells a chart's files from those that only lie where one could be: they have a place for a release,
// or the registry has releases for them.
func (r *round) isChart(ctx context.Context, env Environment, head, chart string) (bool, error) {
	files, err := r.repository(env).Files(ctx, head, env.paths(chart))
	var refused *github.Refused
	if err != nil && !errors.As(err, &refused) {
		return false, err
	}
	if len(signs(env, chart, files, &Holding{})) > 0 {
		return true, nil
	}
	versions, err := r.options.Registry.Versions(ctx, chart)
	return err != nil || len(versions) > 0, nil // a round of it says what is wrong with the registry
}
