package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bare is the folder of a bare repository. Its methods read and write what is loose themselves and run git plumbing for all
// else; whatever comes from a request is validated as an object or ref name before it becomes an argument or a path.
type bare string

// gitTime bounds one git command. None that is used here takes a second on a sane repository.
const gitTime = time.Minute

// gitError is a git command that exited with a code.
type gitError struct {
	args   []string
	code   int
	stderr string
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: exit code %d: %s", strings.Join(e.args, " "), e.code, e.stderr)
}

// exitCode is the code of a git command that ran and refused; -1 for other errors.
func exitCode(err error) int {
	var e *gitError
	if errors.As(err, &e) {
		return e.code
	}
	return -1
}

// git runs one command with text on its input. The machine's and the user's configuration are shut out, and so are replaced
// objects, which a reader of files does not see.
func (b bare) git(input []byte, args ...string) ([]byte, error) { return b.gitAs(nil, input, args...) }

// gitAs is git with more environment, which names authors.
func (b bare) gitAs(env []string, input []byte, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "GIT_DIR=" + string(b),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1"}, env...)
	cmd.Dir = string(b)
	cmd.Stdin = bytes.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return out.Bytes(), &gitError{args, exit.ExitCode(), strings.TrimSpace(errs.String())}
	}
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}

// line is git for commands that print one word.
func (b bare) line(input []byte, args ...string) (string, error) {
	out, err := b.git(input, args...)
	return strings.TrimSpace(string(out)), err
}

var (
	fullSHA  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	shortSHA = regexp.MustCompile(`^[0-9a-f]{7,40}$`)
	nameRE   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	badRef   = regexp.MustCompile(`[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|^[/.-]|[/.]$|^@$`)
)

// validSHA reports a full object name.
func validSHA(s string) bool { return fullSHA.MatchString(s) }

// validRef reports a ref name that git accepts, below refs/ and with two slashes at least.
func validRef(ref string) bool {
	return strings.HasPrefix(ref, "refs/") && strings.Count(ref, "/") >= 2 && validRefPart(ref[len("refs/"):])
}

// validRefPart reports a name that may stand after refs/heads/ or refs/tags/.
func validRefPart(name string) bool { return name != "" && !badRef.MatchString(name) }

// validName reports an owner or repository name; no dots alone, which would leave the folder.
func validName(name string) bool {
	return nameRE.MatchString(name) && strings.Trim(name, ".") != "" && !strings.HasPrefix(name, "-")
}

// object is one thing in the repository.
type object struct {
	sha, kind string
	data      []byte
}

// objects reads objects by full name, those that are not loose in one process. A name that is unknown is left out of the map.
func (b bare) objects(shas ...string) (map[string]object, error) {
	found := map[string]object{}
	var others []string
	for _, sha := range shas {
		if !validSHA(sha) {
			return nil, fmt.Errorf("%q is not an object name", sha)
		}
		if o, loose := b.loose(sha); loose {
			found[sha] = o
		} else {
			others = append(others, sha)
		}
	}
	if len(others) == 0 {
		return found, nil
	}
	out, err := b.git([]byte(strings.Join(others, "\n")+"\n"), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	return found, parseObjects(out, found)
}

// parseObjects reads lines of name, kind and size, each followed by so many bytes.
func parseObjects(out []byte, found map[string]object) error {
	for len(out) > 0 {
		head, rest, _ := bytes.Cut(out, []byte("\n"))
		words := strings.Fields(string(head))
		if len(words) != 3 {
			out = rest // "<sha> missing"
			continue
		}
		size, err := strconv.Atoi(words[2])
		if err != nil || size+1 > len(rest) {
			return fmt.Errorf("git cat-file: unexpected answer %q", head)
		}
		found[words[0]] = object{words[0], words[1], rest[:size]}
		out = rest[size+1:]
	}
	return nil
}

// object reads one; ok is false when it does not exist or is of another kind.
func (b bare) object(sha, kind string) (o object, ok bool, err error) {
	if !validSHA(sha) {
		return object{}, false, nil
	}
	all, err := b.objects(sha)
	o, ok = all[sha]
	return o, ok && o.kind == kind, err
}

// ref is a name and what it points at.
type ref struct{ name, sha, kind string }

// refs lists all refs that begin with a prefix, sorted by name.
func (b bare) refs(prefix string) ([]ref, error) {
	out, err := b.git(nil, "for-each-ref", "--format=%(refname) %(objectname) %(objecttype)")
	return parseRefs(out, prefix), err
}

// parseRefs reads lines of name, object and kind.
func parseRefs(out []byte, prefix string) []ref {
	var all []ref
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) == 3 && strings.HasPrefix(words[0], prefix) {
			all = append(all, ref{words[0], words[1], words[2]})
		}
	}
	return all
}

// ref finds one by its full name.
func (b bare) ref(name string) (ref, bool, error) { return b.firstRef(name) }

// firstRef finds the first of some full names that is there.
func (b bare) firstRef(names ...string) (ref, bool, error) {
	names = slices.DeleteFunc(names, func(name string) bool { return !validRef(name) })
	if len(names) == 0 {
		return ref{}, false, nil
	}
	if r, found := b.looseRef(names[0]); found {
		return r, true, nil
	}
	out, err := b.git(nil, append([]string{"for-each-ref", "--format=%(refname) %(objectname) %(objecttype)"}, names...)...)
	if err != nil {
		return ref{}, false, err
	}
	all := parseRefs(out, "")
	for _, name := range names {
		if i := slices.IndexFunc(all, func(r ref) bool { return r.name == name }); i >= 0 {
			return all[i], true, nil
		}
	}
	return ref{}, false, nil
}

// zeroSHA stands for "no object" in ref updates and in webhooks.
const zeroSHA = "0000000000000000000000000000000000000000"

// update moves a ref from one object to another; zeroSHA creates or deletes. Git refuses when the old one is not there any more.
func (b bare) update(name, now, old string) error {
	if !validRef(name) || !validSHA(now) || !validSHA(old) {
		return fmt.Errorf("update of %q from %q to %q: not a ref and two object names", name, old, now)
	}
	_, err := b.git(nil, "update-ref", name, now, old)
	return err
}

// force makes a ref point at an object, wherever it pointed before.
func (b bare) force(name, now string) error {
	if !validRef(name) || !validSHA(now) {
		return fmt.Errorf("update of %q to %q: not a ref and an object name", name, now)
	}
	_, err := b.git(nil, "update-ref", name, now)
	return err
}

// commitOf resolves what an API caller writes for a commit: a full or short name, a branch, a tag, or a path below refs/.
func (b bare) commitOf(rev string) (string, bool, error) {
	candidates := []string{}
	if validRefPart(rev) {
		candidates = append(candidates, "refs/heads/"+rev, "refs/tags/"+rev, "refs/"+rev, rev)
	}
	r, ok, err := b.firstRef(candidates...)
	if err != nil {
		return "", false, err
	}
	if ok {
		return b.peel(r.sha)
	}
	if shortSHA.MatchString(rev) {
		return b.peel(rev)
	}
	return "", false, nil
}

// peel follows tags to a commit.
func (b bare) peel(sha string) (string, bool, error) {
	if _, found := b.looseCommit(sha); found {
		return sha, true, nil
	}
	out, err := b.line(nil, "rev-parse", "--verify", "--quiet", sha+"^{commit}")
	if exitCode(err) > 0 {
		return "", false, nil
	}
	return out, err == nil, err
}

// mergeBase is the best common ancestor; ok is false when histories are unrelated.
func (b bare) mergeBase(x, y string) (string, bool, error) {
	out, err := b.line(nil, "merge-base", x, y)
	if exitCode(err) == 1 {
		return "", false, nil
	}
	return out, err == nil, err
}

// isAncestor reports whether y can be reached from x by going forward.
func (b bare) isAncestor(x, y string) (bool, error) {
	if c, found := b.looseCommit(y); found && (x == y || slices.Contains(c.parents, x)) {
		return true, nil
	}
	_, err := b.git(nil, "merge-base", "--is-ancestor", x, y)
	if exitCode(err) > 0 { // 128: one of them is no commit
		return false, nil
	}
	return err == nil, err
}

// between lists the commits that head has and base has not, oldest first.
func (b bare) between(base, head string) ([]string, error) {
	if _, only := b.childOf(base, head); only {
		return []string{head}, nil
	}
	out, err := b.git(nil, "rev-list", "--reverse", "--topo-order", head, "^"+base)
	return strings.Fields(string(out)), err
}

// sides lists what each of two commits has and the other has not, oldest first.
func (b bare) sides(left, right string) (onlyLeft, onlyRight []string, err error) {
	out, err := b.git(nil, "rev-list", "--reverse", "--topo-order", "--left-right", left+"..."+right)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if sha, isLeft := strings.CutPrefix(line, "<"); isLeft {
			onlyLeft = append(onlyLeft, sha)
		} else {
			onlyRight = append(onlyRight, strings.TrimPrefix(line, ">"))
		}
	}
	return onlyLeft, onlyRight, err
}

// merge makes the tree of a merge without a work tree; clean is false at a conflict.
func (b bare) merge(base, head string) (tree string, clean bool, err error) {
	if c, only := b.childOf(base, head); only {
		return c.tree, true, nil
	}
	out, err := b.git(nil, "merge-tree", "--write-tree", "--no-messages", base, head)
	if exitCode(err) == 1 {
		return "", false, nil
	}
	return strings.TrimSpace(string(out)), err == nil, err
}
