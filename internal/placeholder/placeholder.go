// Package placeholder expands the {names} of the configuration.
//
// A Template is text with placeholders: {chart}, {version}, {tag}, {commit}, {commit:N} (the first N
// characters, 1 to 64), {digest} and {environment}. Nothing else is expanded: no environment variable,
// no function, no nesting. A brace that is not a known placeholder is an error when the configuration is
// read, never when a release is under way.
package placeholder

import "strings"

// Template is parsed text. The zero value is the empty text.
type Template struct {
	text  string
	parts []part
}

// part is literal text, or the placeholder name. Length cuts a commit short; 0 takes all of it.
type part struct {
	literal string
	name    string
	length  int
}

// Values holds what the placeholders of one release stand for.
type Values struct {
	// Chart is the chart's name.
	Chart string
	// Version is the chart's version, strict SemVer without a leading v.
	Version string
	// Tag is the short name of the git tag.
	Tag string
	// Commit is the commit's full hex name. Match fills in a prefix where the template has {commit:N} alone.
	Commit string
	// Digest is the digest of the chart's manifest, "sha256:…".
	Digest string
	// Environment is the environment's name.
	Environment string
}

// Expand puts the values in. A commit shorter than N stands whole for {commit:N}.
func (t Template) Expand(v Values) string {
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.expand(v))
	}
	return b.String()
}

func (p part) expand(v Values) string {
	if p.name == "" {
		return p.literal
	}
	value := *v.field(p.name)
	if p.length > 0 && p.length < len(value) {
		return value[:p.length]
	}
	return value
}

// Bind puts in the values that are given and leaves the other placeholders. It makes a Match of what is known
// in part: one value that two placeholders side by side could share belongs to one of them then.
func (t Template) Bind(v Values) Template {
	bound := Template{text: t.text}
	for _, p := range t.parts {
		if p.name != "" && *v.field(p.name) != "" {
			p = part{literal: p.expand(v)}
		}
		bound.parts = append(bound.parts, p)
	}
	return bound
}

// Uses tells whether the placeholder name occurs. {commit:N} is a use of "commit".
func (t Template) Uses(name string) bool {
	for _, p := range t.parts {
		if p.name != "" && p.name == name {
			return true
		}
	}
	return false
}

// String returns the text that was parsed.
func (t Template) String() string { return t.text }

// MarshalText returns the text that was parsed. There is no inverse: which placeholders are allowed is known
// only where the text is read.
func (t Template) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// field is the value that a placeholder's name stands for; Parse lets only known names in.
func (v *Values) field(name string) *string {
	switch name {
	case "chart":
		return &v.Chart
	case "version":
		return &v.Version
	case "tag":
		return &v.Tag
	case "commit":
		return &v.Commit
	case "digest":
		return &v.Digest
	case "environment":
		return &v.Environment
	}
	return nil
}
