package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// environment finds a rung of the ladder by its name.
func (p *Promoter) environment(name string) (Environment, error) {
	var names []string
	for _, env := range p.options.Environments {
		if env.Name == name {
			return env, nil
		}
		names = append(names, env.Name)
	}
	if len(names) == 0 {
		return Environment{}, errors.New("no environment is configured: write some under environments, as config/releaser.yaml shows")
	}
	return Environment{}, fmt.Errorf("no environment is named %q: there are %s", name, strings.Join(names, ", "))
}

// Holds tells what one environment holds of a chart, at the head of its branch.
func (p *Promoter) Holds(ctx context.Context, environment, chart string) (Holding, error) {
	return p.newRound(chart).heldIn(ctx, environment)
}

// heldIn is what an environment holds, by its name.
func (r *round) heldIn(ctx context.Context, name string) (Holding, error) {
	env, err := r.environment(name)
	if err != nil {
		return Holding{}, err
	}
	s, err := r.reading(ctx, env)
	if err != nil {
		return Holding{}, err
	}
	return s.holds, nil
}
