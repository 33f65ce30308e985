package github

import (
	"context"
	"fmt"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// Comment writes under a pull request, once: when a comment there holds mark already, nothing is written.
// The mark is appended to the text, as an HTML comment that people do not see.
func (r *Repository) Comment(ctx context.Context, number int, mark, text string) error {
	doing := fmt.Sprintf("comment on pull request #%d", number)
	mark = "<!-- " + mark + " -->"
	there, err := r.commented(ctx, number, mark)
	if err != nil {
		return explain(r.fullName, doing, err)
	}
	if there {
		return nil
	}
	_, _, err = r.api.Issues.CreateComment(ctx, r.owner, r.name, number, &gh.IssueComment{Body: gh.String(text + "\n\n" + mark)})
	if lost(err) {
		if there, look := r.commented(ctx, number, mark); look == nil && there {
			return nil
		}
	}
	return explain(r.fullName, doing, err)
}

func (r *Repository) commented(ctx context.Context, number int, mark string) (bool, error) {
	options := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: 100}}
	for range maxPages {
		page, resp, err := r.api.Issues.ListComments(ctx, r.owner, r.name, number, options)
		if err != nil {
			return false, err
		}
		for _, c := range page {
			if strings.Contains(c.GetBody(), mark) {
				return true, nil
			}
		}
		if options.Page = resp.NextPage; options.Page == 0 {
			return false, nil
		}
	}
	return true, nil // so long a talk needs no further word of ours
}
