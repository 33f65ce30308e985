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

// document is one YAML document of what a template made. Nobody changes one: environments share them.
type document struct {
	text   []byte
	object any   // as JSON has it; nil when it holds comments only
	err    error // no YAML
	json   []byte
}

// readDocument reads the text of one document as Helm does.
func readDocument(text []byte) document {
	d := document{text: text}
	if d.json, d.err = helmyaml.YAMLToJSON(text); d.err == nil {
		d.err = json.Unmarshal(d.json, &d.object)
	}
	return d
}

// documents iterates over the documents of a rendered file, as Helm splits it, up to the first that cannot be read.
func documents(text string, read func([]byte) document) func(yield func(int, document) bool) {
	return func(yield func(int, document) bool) {
		r := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
		for n := 0; ; n++ {
			data, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			d := document{text: data, err: err}
			if err == nil {
				d = read(data)
			}
			if !yield(n, d) || d.err != nil {
				return
			}
		}
	}
}

// maxRemembered is how much is remembered of documents, as text and as JSON, in bytes. As an object it takes some ten
// times as much. The JSON counts, because aliases make much of a little text.
const maxRemembered = 1 << 20

// memory reads each document once, as long as there is room: environments differ in few of them. It is not for several
// goroutines.
type memory struct {
	known map[string]document
	size  int
}

func (m *memory) read(text []byte) document {
	if d, found := m.known[string(text)]; found {
		return d
	}
	d := readDocument(text)
	if size := m.size + len(text) + len(d.json); size <= maxRemembered {
		if m.known == nil {
			m.known = map[string]document{}
		}
		m.known[string(text)], m.size = d, size
	}
	return d
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
