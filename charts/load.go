package charts

import (
	"bytes"
	"time"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
)

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
