package charts

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	helmyaml "sigs.k8s.io/yaml"
)

// document is one YAML document of what a template made.
type document struct {
	text   []byte
	object any   // as JSON has it; nil when it holds comments only
	err    error // no YAML
	json   []byte
}

// documents iterates over the documents of a rendered file, as Helm reads them, up to the first that cannot be read.
func documents(text string) func(yield func(int, document) bool) {
	return func(yield func(int, document) bool) {
		r := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
		for n := 0; ; n++ {
			data, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			d := document{text: data, err: err}
			if err == nil {
				d.json, d.err = helmyaml.YAMLToJSON(data)
			}
			if d.err == nil {
				d.err = json.Unmarshal(d.json, &d.object)
			}
			if !yield(n, d) || d.err != nil {
				return
			}
		}
	}
}

// head is what every object of Kubernetes has.
type head struct {
	APIVersion text `json:"apiVersion"`
	Kind       text
	Metadata   struct{ Name, Namespace text }
}

// text is a scalar where Kubernetes wants text. Helm takes numbers for it too.
type text string

// UnmarshalJSON refuses what is no scalar.
func (t *text) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return json.Unmarshal(data, (*string)(t))
	case '{', '[':
		return errors.New("it is no text")
	case 'n':
		return nil
	}
	*t = text(data)
	return nil
}
