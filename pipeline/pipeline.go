// Package pipeline carries a Helm chart from a git tag to promotion pull requests.
//
//	tag -> find -> checkout -> pin -> image -> vendor -> lint -> package -> push -> sign -> propose
//
// Release is the whole line. Each stage takes what the one before it made, so that a stage out of order does
// not compile: only charts.Lint makes what charts.Pack takes, and only signing makes what a pull request
// may name. Every stage looks before it acts, so a release may be cut off anywhere and run again. Looks run together,
// ahead of their stages (ahead.go); effects stay in order.
//
// Around the line: Find says which charts a tag releases (find.go), Sweep finds the tags that are not released
// yet (sweep.go), an Engine does so when the journal says (engine.go, queue.go), and an Outcome says what became of a tag (outcome.go).
package pipeline

import (
	"context"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// Line is the hands that do the stages. All of them are shared by every release of the process.
type Line struct {
	Sandbox  charts.Sandbox
	Registry *registry.Registry
	Signer   *signing.Signer
	Promoter Proposer
	// Alone, where it is set, keeps other processes from a chart's repository in the registry while a version is pushed and
	// signed. What was looked up before is not believed then.
	Alone func(ctx context.Context, name string, do func(context.Context) error) error
	// Observe is told of each stage as it ends. It may be called from several goroutines.
	Observe func(Event)
}

// Proposer proposes what was just signed to the environments that take releases. Look reads what that will need, Draft makes
// what nobody sees of it; package promotion says more.
type Proposer interface {
	Look(ctx context.Context, chart string) (*promotion.Look, error)
	Draft(ctx context.Context, look *promotion.Look, pushed registry.Pushed)
	Propose(ctx context.Context, signed signing.Signed, look *promotion.Look) ([]promotion.Proposal, error)
}

// publish pushes and signs, and lets the proposal be drafted between.
func (l *Line) publish(ctx context.Context, r *run, pkg charts.Package, version *ahead[registry.Look], proposal *ahead[promotion.Look]) (signed signing.Signed, drafted *ahead[promotion.Look]) {
	do := func(within context.Context, look *registry.Look) error {
		pushed := step(r, "push", func() (registry.Pushed, error) { return l.Registry.Push(within, pkg, look) })
		drafted = l.draftProposal(ctx, r, pushed, proposal)
		signed = step(r, "sign", func() (signing.Signed, error) { return l.Signer.Sign(within, pushed) })
		return nil
	}
	if l.Alone == nil || r.err != nil {
		do(ctx, version.take())
		return signed, drafted
	}
	if err := l.Alone(ctx, "registry "+pkg.Name(), func(ctx context.Context) error { return do(ctx, nil) }); err != nil && r.err == nil {
		r.err = err
	}
	return signed, drafted
}

// Release carries one chart at one tag down the line and says what became of it. Called again for a release
// that is done, it uploads nothing, signs nothing and commits nothing.
func (l *Line) Release(ctx context.Context, job Job) Outcome {
	run := l.begin(job)
	version := job.look
	if version == nil {
		version = l.lookForVersion(ctx, job.Chart, job.Version)
		defer version.end()
	}
	tree := step(run, "checkout", func() (charts.Tree, error) { return job.Checkout(ctx) })
	pinned := step(run, "pin", func() (charts.Pinned, error) { return charts.Pin(tree, job.Pins()) })
	image := step(run, "image", l.image(ctx, job, pinned))
	vendored := step(run, "vendor", func() (charts.Vendored, error) { return charts.Vendor(ctx, pinned, job.Source.Getter) })
	linted := step(run, "lint", func() (charts.Linted, error) { return charts.Lint(ctx, l.Sandbox, vendored, job.Rules()) })
	pkg := step(run, "package", func() (charts.Package, error) { return charts.Pack(linted) })
	proposal := l.lookForProposal(ctx, run, pkg, version)
	defer proposal.end()
	signed, drafted := l.publish(ctx, run, pkg, version, proposal)
	defer drafted.end()
	if pkg.Library() { // nobody deploys a library: it ends signed
		return run.end(pkg, image, signed, nil)
	}
	proposals := step(run, "propose", func() ([]promotion.Proposal, error) { return l.Promoter.Propose(ctx, signed, drafted.take()) })
	return run.end(pkg, image, signed, proposals)
}
