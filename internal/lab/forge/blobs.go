package forge

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"
)

// blob stores bytes and gives their name.
func (b bare) blob(data []byte) (string, error) {
	return b.store("blob", data)
}

type blobJSON struct {
	SHA      string `json:"sha"`
	NodeID   string `json:"node_id"`
	URL      string `json:"url"`
	Size     int    `json:"size"`
	Content  string `json:"content"`
	Encoding string `json:"encoding"`
}

func getBlob(c *call) (answer, error) {
	o, found, err := c.repo.git.object(c.r.PathValue("sha"), "blob")
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	return ok(blobJSON{o.sha, nodeID("Blob", o.sha), c.api() + "/git/blobs/" + o.sha, len(o.data), wrapped(o.data), "base64"})
}

// wrapped is base64 in lines of 60, as GitHub sends it.
func wrapped(data []byte) string {
	var out strings.Builder
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), 60) {
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.String()
}

func createBlob(c *call) (answer, error) {
	var in struct{ Content, Encoding string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	data := []byte(in.Content)
	switch in.Encoding {
	case "", "utf-8":
	case "base64":
		var err error
		if data, err = base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Content, "\n", "")); err != nil {
			return answer{}, unprocessable("content is not valid Base64")
		}
	default:
		return answer{}, invalid("Blob", "encoding", "invalid")
	}
	sha, err := c.repo.git.blob(data)
	if err != nil {
		return answer{}, err
	}
	url := c.api() + "/git/blobs/" + sha
	return created(pointerJSON{sha, url}, url)
}

// contentJSON is a file, or one entry of a folder, which has no content.
type contentJSON struct {
	Type        string       `json:"type"`
	Encoding    string       `json:"encoding,omitempty"`
	Size        int          `json:"size"`
	Name        string       `json:"name"`
	Path        string       `json:"path"`
	Content     *string      `json:"content,omitempty"`
	Target      string       `json:"target,omitempty"`
	SHA         string       `json:"sha"`
	URL         string       `json:"url"`
	GitURL      *string      `json:"git_url"`
	HTMLURL     *string      `json:"html_url"`
	DownloadURL *string      `json:"download_url"`
	Links       contentLinks `json:"_links"`
}

type contentLinks struct {
	Self string  `json:"self"`
	Git  *string `json:"git"`
	HTML *string `json:"html"`
}

// contentLimit is where the contents API stops giving content: the encoding is then "none".
const contentLimit = 1 << 20

func getContents(c *call) (answer, error) {
	rev := c.r.URL.Query().Get("ref")
	if rev == "" {
		rev = c.repo.DefaultBranch
	}
	commit, found, err := c.repo.git.commitOf(rev)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, &problem{Status: 404, Message: "No commit found for the ref " + rev}
	}
	entry := treeEntry{kind: "tree", sha: commit}
	if name := strings.Trim(c.r.PathValue("path"), "/"); name != "" {
		if entry, found, err = c.repo.git.at(commit, name); err != nil || !found {
			return answer{}, orNotFound(err)
		}
	}
	if entry.kind == "tree" {
		return c.folder(entry, rev)
	}
	return c.file(entry, rev)
}

func (c *call) folder(at treeEntry, rev string) (answer, error) {
	entries, err := c.repo.git.list(at.sha, false)
	if err != nil {
		return answer{}, err
	}
	all := []contentJSON{}
	for _, e := range entries {
		e.path = path.Join(at.path, e.path)
		all = append(all, c.content(e, rev))
	}
	return ok(all)
}

func (c *call) file(e treeEntry, rev string) (answer, error) {
	j := c.content(e, rev)
	if j.Type == "submodule" {
		return ok(j)
	}
	o, _, err := c.repo.git.object(e.sha, "blob")
	if err != nil {
		return answer{}, err
	}
	if j.Type == "symlink" {
		j.Target = string(o.data)
		return ok(j)
	}
	text := wrapped(o.data)
	j.Encoding, j.Content = "base64", &text
	if len(o.data) > contentLimit {
		text = ""
		j.Encoding = "none"
	}
	return ok(j)
}

func (c *call) content(e treeEntry, rev string) contentJSON {
	kind := map[string]string{"040000": "dir", "120000": "symlink", "160000": "submodule"}[e.mode]
	if kind == "" {
		kind = "file"
	}
	self := c.api() + "/contents/" + e.path + "?ref=" + rev
	git := c.api() + "/git/" + e.kind + "s/" + e.sha
	html := c.at.page(c.repo) + "/blob/" + rev + "/" + e.path
	return contentJSON{Type: kind, Size: max(e.size, 0), Name: path.Base(e.path), Path: e.path, SHA: e.sha, URL: self,
		GitURL: &git, HTMLURL: &html, Links: contentLinks{self, &git, &html}}
}
