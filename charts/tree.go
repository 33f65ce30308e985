package charts

import (
	"io/fs"
	"time"
)

// Tree is a chart as a git commit holds it: files, the commit that they come from and what the tag says of them.
type Tree struct {
	// Files is the repository at Commit, rooted at the repository's top. Dir and the folders of its
	// file:// dependencies are readable. It implements fs.ReadLinkFS where it holds symbolic links.
	Files fs.FS
	// Dir is the chart's folder, slash-separated; "." is the top of the repository.
	Dir string
	// Source is the URL of the repository, without credentials.
	Source string
	// Tag is the short name of the tag (without refs/tags/).
	Tag string
	// Version is the version that the tag carries, strict SemVer without a leading v.
	Version string
	// Commit is the full hex name of the commit that the tag points at.
	Commit string
	// Time is the commit's committer time. It is the only clock that a package knows.
	Time time.Time
}
