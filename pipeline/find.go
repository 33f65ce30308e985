package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/placeholder"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
)

// Source is a git repository with charts, and what the configuration says of it.
type Source struct {
	Rules    *config.Source
	Git      *source.Repository
	Patterns source.Patterns
	// Listing lists it at less cost, for who looks again and again; nil lists all each time.
	Listing *Listing
	// Statuses tell the authors of its tags; nil where it lies on no forge of ours.
	Statuses Statuses
	// Getter fetches the remote dependencies of this source's charts, from the hosts that it may.
	Getter charts.Getter
}

// Job is one chart at one tag, found and ready for the line.
type Job struct {
	Source         *Source
	Tag            source.Tag
	Chart, Version string
	Dir            string // the chart's folder

	rule  *config.Chart
	files *source.Snapshot
	found time.Duration
	look  *ahead[registry.Look] // under way since the tag's name told the chart; nil when it did not
}

// Find says which charts a tag releases: the one that it names, or, when it names none, every configured chart
// whose version it carries. The tag's commit must be reachable from one of the source's branches. A tag that
// matches no pattern gives no job and no error; Unfit, Unmet and Foreign say why a matching one gives none.
func (s *Source) Find(ctx context.Context, refs source.Refs, tag source.Tag) ([]Job, error) {
	began := time.Now()
	match, ok, err := s.match(tag.Name)
	if err != nil || !ok {
		return nil, err
	}
	files, err := s.Git.Snapshot(ctx, tag)
	if err != nil {
		return nil, err
	}
	if err := s.reachable(ctx, refs, files.Commit()); err != nil {
		return nil, err
	}
	tag.Commit = files.Commit()
	jobs, err := s.jobs(ctx, files, match)
	for i := range jobs {
		jobs[i].Source, jobs[i].Tag, jobs[i].files = s, tag, files
		jobs[i].found = time.Since(began)
	}
	return jobs, err
}

// Tag carries every chart that a tag releases down its own line. No outcome means that no pattern fits the tag.
func (l *Line) Tag(ctx context.Context, s *Source, refs source.Refs, tag source.Tag) []Outcome {
	match, ok, _ := s.match(tag.Name)
	var look *ahead[registry.Look]
	if ok && match.Chart != "" { // the registry can be asked while git is
		look = l.lookForVersion(ctx, match.Chart, match.Version)
		defer look.end()
	}
	jobs, err := s.Find(ctx, refs, tag)
	if err != nil {
		return []Outcome{newOutcome(s, tag, match.Chart, match.Version).failed(err)}
	}
	var outcomes []Outcome
	for _, job := range jobs {
		job.look = look
		outcomes = append(outcomes, l.Release(ctx, job))
	}
	return outcomes
}

// match reads a tag's name: the chart and version that it carries, ok false when no pattern fits.
func (s *Source) match(tag string) (m source.Match, ok bool, err error) {
	m, result := s.Patterns.Match(tag)
	if result == source.BadVersion {
		return m, false, &Unfit{Reason: m.Reason + "; " + m.Fix}
	}
	return m, result == source.Matched, nil
}

func (s *Source) reachable(ctx context.Context, refs source.Refs, commit string) error {
	ok, err := s.Git.Reachable(ctx, commit, refs.Heads, s.Rules.Branches)
	if err != nil {
		return err
	}
	if !ok {
		return &Unmet{Reason: fmt.Sprintf("commit %.12s is not reachable from %s: merge it, or tag a commit that is merged",
			commit, strings.Join(s.Rules.Branches, " or "))}
	}
	return nil
}

// jobs picks the folders whose charts a matching tag releases.
func (s *Source) jobs(ctx context.Context, files *source.Snapshot, match source.Match) ([]Job, error) {
	folders, err := s.folders(files)
	if err != nil {
		return nil, err
	}
	if match.Chart == "" {
		return s.carrying(ctx, files, folders, match.Version)
	}
	// A folder usually bears its chart's name: then nothing else has to be fetched.
	likely, others := split(folders, func(j Job) bool { return path.Base(j.Dir) == match.Chart })
	for _, group := range [][]Job{likely, others} {
		found, err := named(ctx, files, group, match)
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, &Foreign{Reason: fmt.Sprintf("no configured folder holds a chart named %s: if there should be one, look at sources[%s].charts and at the tag",
		match.Chart, s.Rules.Name)}
}

// folders are the configured folders that hold a Chart.yaml, in the order of their paths.
func (s *Source) folders(files *source.Snapshot) (found []Job, err error) {
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, source.ErrBadName): // of a chart: it is told when its files are fetched; of others: not ours
			if job, ok := s.Folder(name); ok {
				found = append(found, job)
			}
			return fs.SkipDir
		case err != nil || d.Name() != "Chart.yaml":
			return err
		}
		if job, ok := s.Folder(path.Dir(name)); ok {
			found = append(found, job)
		}
		return nil
	})
	return found, err
}

// Folder is a job for the chart in a folder, of which nothing is known yet but its rule; ok false when there is none.
func (s *Source) Folder(dir string) (j Job, ok bool) {
	rule, ok := s.Rules.Chart(dir)
	return Job{Source: s, Dir: dir, rule: rule}, ok
}

// named is the chart of that name among the folders, with the tag's version. A folder of that name whose Chart.yaml
// cannot be read is taken for it, so that its author learns of it; one that holds another chart is not.
func named(ctx context.Context, files *source.Snapshot, folders []Job, match source.Match) ([]Job, error) {
	names := chartFiles(folders)
	if len(folders) == 1 { // this is it, in all likelihood: one request for all of it
		names = []string{folders[0].Dir}
	}
	if err := files.Fetch(ctx, names...); err != nil {
		return nil, err
	}
	for _, j := range folders {
		name, _, err := charts.Name(files, j.Dir)
		if name == match.Chart || err != nil && path.Base(j.Dir) == match.Chart {
			j.Chart, j.Version = match.Chart, match.Version
			return []Job{j}, nil
		}
	}
	return nil, nil
}

// carrying are the charts among the folders that carry the version. One whose Chart.yaml cannot be read may carry it,
// too: it is rejected on its own line, and the others go down theirs.
func (s *Source) carrying(ctx context.Context, files *source.Snapshot, folders []Job, version string) (found []Job, err error) {
	if err := files.Fetch(ctx, chartFiles(folders)...); err != nil {
		return nil, err
	}
	for _, j := range folders {
		name, has, err := charts.Name(files, j.Dir)
		if err != nil {
			name = path.Base(j.Dir)
		}
		if err != nil || has == version || s.Rules.Version == config.VersionSet {
			j.Chart, j.Version = name, version
			found = append(found, j)
		}
	}
	if len(found) == 0 {
		return nil, &Foreign{Reason: "no configured chart carries version " + version + ": look at the versions in Chart.yaml, or name the chart in the tag"}
	}
	return found, nil
}

func chartFiles(folders []Job) (names []string) {
	for _, j := range folders {
		names = append(names, path.Join(j.Dir, "Chart.yaml"))
	}
	return names
}

func split(all []Job, is func(Job) bool) (yes, no []Job) {
	for _, j := range all {
		if is(j) {
			yes = append(yes, j)
		} else {
			no = append(no, j)
		}
	}
	return yes, no
}

// Checkout reads the chart's folder, and the folders of its file:// dependencies, from git.
func (j Job) Checkout(ctx context.Context) (charts.Tree, error) {
	dirs := []string{j.Dir}
	for done := 0; done < len(dirs); {
		if err := j.files.Fetch(ctx, dirs[done:]...); err != nil {
			return charts.Tree{}, err
		}
		fetched := dirs[done:]
		done = len(dirs)
		for _, dir := range fetched {
			more, err := charts.Local(j.files, dir)
			if err != nil {
				return charts.Tree{}, err
			}
			for _, m := range more {
				// What is not there cannot be fetched; Vendor tells the chart's author.
				if _, err := fs.ReadDir(j.files, m); !errors.Is(err, fs.ErrNotExist) && !slices.Contains(dirs, m) {
					dirs = append(dirs, m)
				}
			}
		}
	}
	return charts.Tree{
		Files: j.files, Dir: j.Dir, Source: j.Source.Rules.URL,
		Tag: j.Tag.Name, Version: j.Version, Commit: j.files.Commit(), Time: j.files.Time(),
	}, nil
}

// Pins are the configured pins with this release's values. Where the tag's version wins over Chart.yaml's,
// that is a pin too.
func (j Job) Pins() []scalar.Edit {
	values := placeholder.Values{Chart: j.Chart, Version: j.Version, Tag: j.Tag.Name, Commit: j.Tag.Commit}
	var edits []scalar.Edit
	for _, p := range j.rule.Pins {
		edits = append(edits, scalar.Edit{File: p.File, Key: p.Key, Part: p.Part, Value: p.Value.Expand(values)})
	}
	if j.Source.Rules.Version == config.VersionSet {
		edits = append(edits, scalar.Edit{File: "Chart.yaml", Key: "version", Value: j.Version})
	}
	return edits
}

// Rules are what the configuration asks of this chart.
func (j Job) Rules() charts.Rules {
	l := j.rule.Lint
	return charts.Rules{Values: l.Values, Strict: l.Strict, KubeVersions: l.KubeVersions, SchemaRequired: l.Schema == config.SchemaRequired}
}
