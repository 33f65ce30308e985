package charts

import (
	"errors"
	"path"
	"strings"

	"github.com/releaser/releaser/internal/scalar"
)

// Image is the container image that a pinned chart runs, as its values name it.
type Image struct {
	// Name is repository:tag as it stands there, unread: it may be no name at all.
	Name string

	chart, file string
	line        int
}

// Image reads the name of an image from values.yaml: the repository under key, behind the registry where the key registry
// beside it names one, and the tag under the key tag. With tag equal to key, repository:tag is under that one key. What does
// not name one image, or has a digest that would run in the tag's place, is *Rejected. A library has no such values.
func (p Pinned) Image(key, tag string) (Image, error) {
	values, _ := find(p.files, valuesFile) // the tag is a pin in it, so that it is there
	image := Image{chart: p.id.name, file: path.Join(p.tree.Dir, valuesFile), line: 1}
	own, err := image.get(values.data, key)
	if err != nil {
		return Image{}, err
	}
	image.Name, image.line = own.Text, own.Line
	if !own.String || own.Text == "" || strings.Contains(own.Text, "{{") {
		return Image{}, image.reject("image-name", key+" is empty, a template or no text", "write the image's repository out, or take image out of the configuration")
	}
	if tag == key {
		return image, nil
	}
	return image, image.complete(values.data, key, tag)
}

// complete adds what stands beside the repository: the registry before it and the tag behind.
func (i *Image) complete(values []byte, key, tag string) error {
	registry, err := i.beside(values, key, "registry")
	if err != nil {
		return err
	}
	digest, err := i.beside(values, key, "digest")
	if err != nil {
		return err
	}
	pinned, err := i.get(values, tag)
	if err != nil {
		return err
	}
	first, _, slash := strings.Cut(i.Name, "/")
	switch {
	case digest != "":
		return i.reject("image-digest", "a digest stands beside "+tag+", and most templates run the digest", "remove the digest")
	case registry != "" && slash && strings.ContainsAny(first, ".:"):
		return i.reject("image-registry", key+" begins with a registry, and the key registry beside it names one, too", "keep one of the two")
	case registry != "":
		i.Name = registry + "/" + i.Name
	}
	i.Name += ":" + pinned.Text
	return nil
}

// beside is the text of another key in the mapping that holds key, "" where there is no text.
func (i *Image) beside(values []byte, key, name string) (string, error) {
	at, err := scalar.ParseKey(key)
	if err != nil {
		return "", err
	}
	at[len(at)-1] = scalar.Step{Key: name}
	var wrong *scalar.Error
	if _, err := scalar.Get(values, at.String(), ""); errors.As(err, &wrong) && wrong.Rule == "missing-key" {
		return "", nil
	}
	value, err := i.get(values, at.String())
	if !value.String { // null, false: none
		return "", err
	}
	return value.Text, err
}

// get is the text under a key; what is none is the author's to mend.
func (i *Image) get(values []byte, key string) (scalar.Value, error) {
	value, err := scalar.Get(values, key, "")
	if err != nil {
		finding, err := scalarFinding("image-", i.file, err)
		if err != nil {
			return value, err
		}
		return value, reject(i.chart, finding)
	}
	return value, nil
}

// Reject is the rejection of the chart for its image.
func (i Image) Reject(why *Unobtainable) *Rejected { return i.reject(why.Rule, why.Message, why.Fix) }

func (i Image) reject(rule, message, fix string) *Rejected {
	return reject(i.chart, Finding{File: i.file, Line: i.line, Rule: rule, Message: message, Fix: fix})
}
