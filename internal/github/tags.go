package github

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// Tags is one listing of a repository's tags.
type Tags struct {
	// Objects are what the tags name themselves, tag objects where they are annotated, by the tags' names.
	Objects map[string]string
	// Mark stands for exactly these tags. It is empty when GitHub gave none, or not all tags at once.
	Mark string
}

// Tags lists the tags whose names begin with prefix. When they still are what the mark of an earlier listing stands for,
// the answer is that they are unchanged, with no list: that is GitHub's 304, which costs nothing of the hour's requests
// of a token. It reads alone; an empty mark always lists.
func (r *Repository) Tags(ctx context.Context, prefix, mark string) (tags Tags, unchanged bool, err error) {
	// Without a prefix there is no slash at the end, which a proxy may not keep.
	below := strings.TrimSuffix("tags/"+(&url.URL{Path: prefix}).EscapedPath(), "/")
	request, err := r.api.NewRequest(http.MethodGet, "repos/"+r.owner+"/"+r.name+"/git/matching-refs/"+below, nil)
	if err != nil {
		return Tags{}, false, explain(r.fullName, "list tags", err)
	}
	if mark != "" {
		request.Header.Set("If-None-Match", mark)
	}
	var refs []*gh.Reference
	response, err := r.api.Do(ctx, request, &refs)
	if mark != "" && status(err) == http.StatusNotModified {
		return Tags{}, true, nil
	}
	if err != nil {
		return Tags{}, false, explain(r.fullName, "list tags", err)
	}
	tags.Objects = map[string]string{}
	for _, ref := range refs {
		if name, ok := strings.CutPrefix(ref.GetRef(), "refs/tags/"); ok && strings.HasPrefix(name, prefix) {
			tags.Objects[name] = ref.GetObject().GetSHA()
		}
	}
	if response.Header.Get("Link") == "" { // a page would stand for its own tags alone
		tags.Mark = response.Header.Get("ETag")
	}
	return tags, false, nil
}
