package charts

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/releaser/releaser/internal/scalar"
)

// parsedFile is a file that Helm's loader gives to a YAML library, of a chart or of one below it.
var parsedFile = regexp.MustCompile(`^(?:charts/[^/]+/)*(?:Chart\.yaml|Chart\.lock|values\.yaml|requirements\.yaml|requirements\.lock)$`)

// checkParsed looks at all that load will have parsed, before anything writes aliases out. No archive may be among the
// files any more.
func checkParsed(dir string, files []file, b *budget) error {
	for _, f := range files {
		if !parsedFile.MatchString(f.name) {
			continue
		}
		if found := unparsable(dir, f, &b.yaml); found.Rule != "" {
			return reject(dir, found)
		}
	}
	return nil
}

// unparsable is the finding for a YAML file that is not fit to be parsed with what is left. The zero Finding is none.
func unparsable(dir string, f file, left *int) Finding {
	var wrong *scalar.Error
	if !errors.As(scalar.CheckWithin(f.data, left), &wrong) {
		return Finding{}
	}
	found := Finding{File: path.Join(dir, f.name), Line: wrong.Line, Rule: wrong.Rule, Message: wrong.Message, Fix: wrong.Fix}
	switch name := path.Base(f.name); {
	case wrong.Rule == "syntax" && name == valuesFile:
		found.Rule = "values"
	case wrong.Rule == "syntax" && name == lockFile:
		found.Rule, found.Fix = "lock-syntax", fmt.Sprintf("run 'helm dependency update %s' and commit Chart.lock", path.Dir(found.File))
	}
	return found
}

// load gives files to Helm's loader. Helm drops a byte order mark wherever it reads a file itself; so do we, but
// for values.yaml, the bytes of which are promised (and which Helm reads with the mark as well).
func load(files []file) (*chart.Chart, error) {
	buffered := make([]*archive.BufferedFile, 0, len(files))
	for _, f := range files {
		data := f.data
		if f.name != valuesFile {
			data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		}
		buffered = append(buffered, &archive.BufferedFile{Name: f.name, Data: data, ModTime: time.Unix(0, 0)})
	}
	return loader.LoadFiles(buffered)
}
