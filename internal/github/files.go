package github

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// maxFile bounds a file that is read. An environment's values file has some kilobytes.
const maxFile = 5 << 20

// Files reads the files of a commit: one request for the tree and one for each file, none for what was read
// before. A path that is not there is left out of the answer; one that is no regular file is Refused.
func (r *Repository) Files(ctx context.Context, commit string, paths []string) (map[string][]byte, error) {
	tree, err := r.Tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte, len(paths))
	for _, p := range paths {
		entry, ok := tree.Entry(p)
		if !ok {
			continue
		}
		if files[p], err = r.file(ctx, entry); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// file reads one blob and makes sure that it is the one that the tree names.
func (r *Repository) file(ctx context.Context, e Entry) ([]byte, error) {
	if !e.Regular() {
		return nil, &Refused{Repository: r.fullName, Reason: clean(e.Path) + " is a link, a folder or a submodule: make it a file"}
	}
	if e.Size > maxFile {
		return nil, &Refused{Repository: r.fullName, Reason: clean(e.Path) + " is larger than 5 MiB: make it smaller"}
	}
	if data, ok := r.seen.blob(e.SHA); ok {
		return data, nil
	}
	blob, _, err := r.api.Git.GetBlob(ctx, r.owner, r.name, e.SHA)
	if err != nil {
		return nil, explain(r.fullName, clean(e.Path), err)
	}
	data, err := decode(blob.GetEncoding(), blob.GetContent())
	if err == nil && blobSHA(data) != e.SHA {
		err = errors.New("GitHub sent other bytes than the tree names; try again, and look for a proxy that changes answers")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", r.fullName, clean(e.Path), err)
	}
	r.seen.keepBlob(e.SHA, data)
	return data, nil
}

// decode reads the two encodings that GitHub uses for blobs.
func decode(encoding, content string) ([]byte, error) {
	if encoding == "utf-8" {
		return []byte(content), nil
	}
	return base64.StdEncoding.DecodeString(strings.ReplaceAll(content, "\n", ""))
}
