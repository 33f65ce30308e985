package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/Masterminds/semver/v3"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// tagged is a version and the tag that it has.
type tagged struct {
	version *semver.Version
	tag     string
}

// Versions lists the versions of a chart, highest first by SemVer, whoever pushed them. Tags that are no version
// (signatures, "latest") are left out. A repository that does not exist has none.
func (r *Registry) Versions(ctx context.Context, chart string) ([]string, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.chart(chart)
	if err != nil {
		return nil, err
	}
	list, err := h.versions(ctx)
	if err != nil {
		return nil, Explain(err)
	}
	versions := make([]string, len(list))
	for i, v := range list {
		versions[i] = v.version.Original()
	}
	return versions, nil
}

// versions leaves the size of a page to the registry, as some refuse what is above their own.
func (h *handle) versions(ctx context.Context) ([]tagged, error) {
	var list []tagged
	seen := 0
	err := h.Tags(ctx, "", func(page []string) error {
		if seen += len(page); seen > maxTags {
			return errdef.ErrTooManyPages
		}
		for _, tag := range page {
			if version, ok := versionOf(tag); ok {
				list = append(list, tagged{version, tag})
			}
		}
		return nil
	})
	if errors.Is(err, errdef.ErrTooManyPages) {
		return nil, fmt.Errorf("%s has more than %d tags or %d pages of them; delete old ones", h.name(), maxTags, maxPages)
	}
	var answer *errcode.ErrorResponse
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return nil, nil // a repository comes into being with its first push
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b tagged) int {
		// SemVer gives no order to build metadata; the tag does, so that a list is always the same.
		return cmp.Or(b.version.Compare(a.version), cmp.Compare(b.tag, a.tag))
	})
	return slices.CompactFunc(list, func(a, b tagged) bool { return a.tag == b.tag }), nil
}
