package gitd

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Mode is a file's mode as git writes it.
type Mode string

// The modes of a File. The content of a Symlink is its target, of a Submodule the commit's name; Deleted has none.
const (
	Regular    Mode = "100644"
	Executable Mode = "100755"
	Symlink    Mode = "120000"
	Submodule  Mode = "160000"
	Deleted    Mode = "deleted"
)

// File is one file of a Commit. The zero Mode means Regular.
type File struct {
	Mode    Mode
	Content []byte
}

// Commit is what a new commit on Branch changes and when. Files that it does not name stay as the branch's head has
// them.
type Commit struct {
	Branch, Message string
	Time            time.Time
	Files           map[string]File
}

// identity is who commits and tags: the same for all, so that equal contents have equal names.
const identity = "lab <lab@localhost>"

// Commit adds a commit to a branch, which is made when it is not there, and returns the commit's name. Equal commits
// on equal branches have equal names.
func (r *Repository) Commit(ctx context.Context, c Commit) (string, error) {
	ref := "refs/heads/" + c.Branch
	parent, err := r.Git(ctx, "for-each-ref", "--format=%(objectname)", ref)
	if err != nil {
		return "", err
	}
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "commit %s\ncommitter %s %s\n", ref, identity, stamp(c.Time))
	data(&stream, []byte(c.Message))
	if parent != "" {
		fmt.Fprintf(&stream, "from %s\n", parent)
	}
	for _, path := range slices.Sorted(maps.Keys(c.Files)) {
		change(&stream, path, c.Files[path])
	}
	stream.WriteString("\ndone\n")
	if _, err := r.GitInput(ctx, stream.Bytes(), "fast-import", "--quiet", "--done", "--date-format=raw"); err != nil {
		return "", fmt.Errorf("commit on %s: %w", c.Branch, err)
	}
	return r.Git(ctx, "rev-parse", ref)
}

// Tag makes a lightweight tag of any object. A tag that is there moves.
func (r *Repository) Tag(ctx context.Context, name, object string) error {
	_, err := r.Git(ctx, "update-ref", "refs/tags/"+name, object)
	return err
}

// Annotate makes an annotated tag of any object, also of another tag, and returns the tag object's name. A tag that is
// there moves.
func (r *Repository) Annotate(ctx context.Context, name, object, message string, when time.Time) (string, error) {
	kind, err := r.Git(ctx, "cat-file", "-t", object)
	if err != nil {
		return "", err
	}
	object, err = r.Git(ctx, "rev-parse", object)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("object %s\ntype %s\ntag %s\ntagger %s %s\n\n%s\n", object, kind, name, identity, stamp(when), message)
	tag, err := r.GitInput(ctx, []byte(text), "hash-object", "-t", "tag", "-w", "--stdin")
	if err != nil {
		return "", err
	}
	return tag, r.Tag(ctx, name, tag)
}

func stamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) + " +0000" }

// change writes one file in the language of git fast-import.
func change(stream *bytes.Buffer, path string, file File) {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(path) + `"`
	switch file.Mode {
	case Deleted:
		fmt.Fprintf(stream, "D %s\n", quoted)
	case Submodule:
		fmt.Fprintf(stream, "M %s %s %s\n", file.Mode, file.Content, quoted)
	case "":
		fmt.Fprintf(stream, "M %s inline %s\n", Regular, quoted)
		data(stream, file.Content)
	default:
		fmt.Fprintf(stream, "M %s inline %s\n", file.Mode, quoted)
		data(stream, file.Content)
	}
}

func data(stream *bytes.Buffer, content []byte) {
	fmt.Fprintf(stream, "data %d\n%s\n", len(content), content)
}
