package charts

import (
	"io/fs"
	"strings"
	"testing"
)

// EncodeInspection is the input of Inspect for a chart that Pin and Vendor would have refused.
func EncodeInspection(t *testing.T, fsys fs.FS, dir string) []byte {
	t.Helper()
	i := &inspection{Dir: dir}
	err := fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		i.files = append(i.files, file{strings.TrimPrefix(name, dir+"/"), data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	input, err := i.encode()
	if err != nil {
		t.Fatal(err)
	}
	return input
}
