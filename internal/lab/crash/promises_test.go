package crash

import (
	"crypto/sha256"
	"net/http"
	"regexp"
	"strings"
)

// promises looks at what was asked, in all lives, for what the end does not show: I1, I2 and I3 at every moment, and that nobody had
// to complain. The first life had so many requests.
func (w *world) promises(first int, lives ...*daemon) {
	w.Helper()
	all := w.door.Requests()
	w.oneDigest(all)
	w.verified(all[:first]) // another process: what it knows it has read itself
	w.verified(all[first:])
	w.oneOpen(all)
	for _, d := range lives {
		for _, l := range d.lines() {
			if l.Level != "INFO" {
				w.Errorf("the log has %+v", l)
			}
		}
	}
}

// oneDigest is I1: whoever sends the version sends the same bytes.
func (w *world) oneDigest(all []Request) {
	w.Helper()
	sent := map[[32]byte]bool{}
	for _, r := range all {
		if isVersion(r) {
			sent[sha256.Sum256(r.Body)] = true
		}
	}
	if len(sent) > 1 {
		w.Errorf("I1: %d manifests were sent for one version", len(sent))
	}
}

func isVersion(r Request) bool {
	return r.Method == http.MethodPut && strings.HasSuffix(r.Path, "/"+chart+"/manifests/"+version)
}

var (
	signature = regexp.MustCompile(`/manifests/sha256-([0-9a-f]{64})(\.sig)?$`)
	digest    = regexp.MustCompile(`digest +sha256:([0-9a-f]{64})`)
	head      = regexp.MustCompile(`"head":"[^"]*"`)
)

// verified is I2: when a pull request names a digest, the same process has read its signatures before, after the push.
func (w *world) verified(life []Request) {
	w.Helper()
	read := map[string]bool{}
	for _, r := range life {
		if isVersion(r) {
			clear(read)
		}
		if of := signature.FindStringSubmatch(r.Path); of != nil && r.Method == http.MethodGet && r.Status == http.StatusOK {
			read[of[1]] = true
		}
		if r.Method == http.MethodGet || !strings.Contains(r.Path, environments+"/pulls") {
			continue
		}
		for _, named := range digest.FindAllStringSubmatch(string(r.Body), -1) {
			if !read[named[1]] {
				w.Errorf("I2: a digest is named whose signatures were not read: %s", r.Body)
			}
		}
	}
}

// oneOpen is I3: no branch gets a second pull request, as none of the stories has a reason for it.
func (w *world) oneOpen(all []Request) {
	w.Helper()
	opened := map[string]bool{}
	for _, r := range all {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.Path, environments+"/pulls") || r.Status != http.StatusCreated {
			continue
		}
		branch := head.FindString(string(r.Body))
		if branch == "" || opened[branch] {
			w.Errorf("I3: a second pull request: %s", r.Body)
		}
		opened[branch] = true
	}
}
