package door

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Class is the kind of thing that a request of the OCI distribution API asks for.
type Class string

// The classes, in the words of the distribution specification.
const (
	Ping      Class = "ping"
	Manifest  Class = "manifest"
	Blob      Class = "blob"
	Upload    Class = "upload"
	Tags      Class = "tags"
	Referrers Class = "referrers"
	Catalog   Class = "catalog"
	Other     Class = "other"
)

// ClassOf reads the class from the path of a URL.
func ClassOf(path string) Class {
	rest, ok := strings.CutPrefix(path, "/v2/")
	switch {
	case !ok:
		return Other
	case rest == "":
		return Ping
	case rest == "_catalog":
		return Catalog
	case strings.HasSuffix(rest, "/tags/list"):
		return Tags
	case strings.Contains(rest, "/blobs/uploads/"):
		return Upload
	}
	// What is left is <name>/<kind>/<reference>, and neither kind nor reference holds a slash.
	parts := strings.Split(rest, "/")
	if len(parts) < 3 {
		return Other
	}
	switch parts[len(parts)-2] {
	case "manifests":
		return Manifest
	case "blobs":
		return Blob
	case "referrers":
		return Referrers
	}
	return Other
}

// Request is one line of a Tally.
type Request struct {
	Method string
	Class  Class
}

// Tally is how often each kind of request came.
type Tally map[Request]int

// Total is the number of requests.
func (t Tally) Total() int {
	total := 0
	for _, n := range t {
		total += n
	}
	return total
}

// Writes is the number of requests that change the registry: everything but GET and HEAD.
func (t Tally) Writes() int {
	writes := 0
	for r, n := range t {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			writes += n
		}
	}
	return writes
}

// Since is what came after the earlier tally of the same door.
func (t Tally) Since(earlier Tally) Tally {
	since := Tally{}
	for r, n := range t {
		if n -= earlier[r]; n != 0 {
			since[r] = n
		}
	}
	return since
}

// String lists the lines sorted: "GET manifest 2, PUT manifest 1".
func (t Tally) String() string {
	lines := make([]string, 0, len(t))
	for r, n := range t {
		lines = append(lines, fmt.Sprintf("%s %s %d", r.Method, r.Class, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
