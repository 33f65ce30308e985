package charts

// Pass stands in for a lint that finds nothing, so that Pack can be tested by itself.
func Pass(v Vendored, findings ...Finding) Linted { return Linted{vendored: v, findings: findings} }

// RequirementsDigest is the digest that Helm keeps in Chart.lock.
var RequirementsDigest = requirementsDigest

// Files are the names that a stage holds, for tests of what is read and what is not.
func (p Pinned) Files() map[string]string { return contents(p.files) }

// Files are the names that a stage holds.
func (v Vendored) Files() map[string]string { return contents(v.files) }

func contents(files []file) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		all[f.name] = string(f.data)
	}
	return all
}
