package scalar

import (
	"fmt"
	"regexp"
	"strings"
)

// get reads a part of the scalar.
func (t target) get(part string) (string, error) {
	if part == "" {
		return t.node.Value, nil
	}
	start, end, err := t.bounds(part)
	if err != nil {
		return "", err
	}
	return t.node.Value[start:end], nil
}

// with is what the scalar says once the part is value.
func (t target) with(part, value string) (string, error) {
	if err := t.checkText(value); err != nil || part == "" {
		return value, err
	}
	start, end, err := t.bounds(part)
	if err != nil {
		return "", err
	}
	if !regexp.MustCompile(`^\w[\w.-]{0,127}$`).MatchString(value) {
		return "", t.fail(t.line(), "part", fmt.Sprintf("%q is no image tag", value), "give 1 to 128 letters, digits, '_', '.' and '-'")
	}
	return t.node.Value[:start] + value + t.node.Value[end:], nil
}

// bounds finds a part in the scalar's text. The tag of repository:tag follows the last colon after the last
// slash: a colon before it belongs to a port. Beside a digest the tag changes nothing, so that it is refused.
func (t target) bounds(part string) (start, end int, err error) {
	if part != "tag" {
		return 0, 0, t.fail(t.line(), "part", fmt.Sprintf("there is no part %q", part), `use "tag", or leave the part out`)
	}
	name, _, digested := strings.Cut(t.node.Value, "@")
	colon := strings.LastIndexByte(name, ':')
	if !t.isString || colon < 1 || strings.Contains(name[colon:], "/") || colon+1 == len(name) {
		return 0, 0, t.fail(t.line(), "part", "the value is no repository:tag text", "write it as repository:tag, or configure the whole value without a part")
	}
	if digested {
		return 0, 0, t.fail(t.line(), "part", "a digest stands beside the tag, and Kubernetes runs the digest", "remove the digest, or pin the whole value")
	}
	return colon + 1, len(name), nil
}
