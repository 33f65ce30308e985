package charts

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/releaser/releaser/internal/scalar"
)

// inspection is one chart to be looked at. It travels to the sandbox as a tar archive: the fields as JSON in
// inspection.json, then chart/<name> for each file of the chart and values/<name> for each values file.
type inspection struct {
	// Dir is the chart's folder in the repository, which messages name.
	Dir string `json:"dir"`
	// Pins are the edits that the chart carries already; those of values.yaml are laid over each environment too.
	Pins []scalar.Edit `json:"pins,omitempty"`
	// Rules are the caller's.
	Rules Rules `json:"rules"`
	// Missing are patterns of values files that match nothing.
	Missing []string `json:"missing,omitempty"`

	files  []file // the chart, pinned, with its dependencies unpacked under charts/
	values []file // the environments, in the order of the rules
	places places // of the charts among the files; nil until they are looked for
}

const (
	inspectionFile = "inspection.json"
	chartFolder    = "chart"
	valuesFolder   = "values"
)

func (i *inspection) encode() ([]byte, error) {
	head, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	all := append([]file{{inspectionFile, head}}, under(chartFolder, i.files)...)
	for _, f := range append(all, under(valuesFolder, i.values)...) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.data)), Mode: 0o600}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func decodeInspection(input []byte) (*inspection, error) {
	i := new(inspection)
	r := tar.NewReader(bytes.NewReader(input))
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return i, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg || !fs.ValidPath(header.Name) {
			return nil, fmt.Errorf("%q is no clean path of a regular file", header.Name)
		}
		data := make([]byte, min(header.Size, int64(len(input))))
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, err
		}
		if name, ok := strings.CutPrefix(header.Name, chartFolder+"/"); ok {
			i.files = append(i.files, file{name, data})
		} else if name, ok := strings.CutPrefix(header.Name, valuesFolder+"/"); ok {
			i.values = append(i.values, file{name, data})
		} else if err := json.Unmarshal(data, i); err != nil {
			return nil, err
		}
	}
}

// Inspect does the work of Lint where it can do no harm: sandbox.Main calls it in the child process. Input and
// output are Lint's affair. It never panics, asks no network, and writes nothing but a folder in the system's
// folder for temporary files, which it removes.
func Inspect(input []byte) (output []byte) {
	i, err := decodeInspection(input)
	if err != nil {
		return encodeResult(result{Failure: "the sandbox's input: " + err.Error()})
	}
	r := newReport(i)
	defer func() {
		if p := recover(); p != nil {
			r.add(i.crashed(p))
			output = encodeResult(result{Findings: r.sorted()})
		}
	}()
	if err := i.inspect(r); err != nil {
		return encodeResult(result{Failure: err.Error()})
	}
	return encodeResult(result{Findings: r.sorted()})
}

func encodeResult(r result) []byte {
	output, _ := json.Marshal(r) // strings and numbers only
	return output
}

// crashed is the finding for a panic. Its text may quote the chart, unless it is the runtime's own.
func (i *inspection) crashed(p any) Finding {
	message := "checking the chart ends in a crash"
	if err, ok := p.(runtime.Error); ok && !strings.Contains(err.Error(), "\n") {
		message += ": " + err.Error()
	}
	return Finding{Severity: Error, File: i.Dir, Rule: "crash", Message: message, Fix: "see helm lint " + i.Dir}
}

// inspector is an inspection under way.
type inspector struct {
	*inspection
	report  *report
	loaded  *chart.Chart          // never changed
	kubes   []*common.KubeVersion // one at least; nil stands for the version that Helm knows
	schemas map[string]*schema    // by their text
	memory  memory                // of rendered documents
	carried map[string]bool       // pinned values that were seen in a manifest
	renders int                   // manifests that could be rendered
	origin  map[traced]origin     // what was traced
	looks   int                   // how often for that
}

// inspect runs all rules. The error is the machine's, not the chart's.
func (i *inspection) inspect(r *report) error {
	c, err := load(i.files)
	if err != nil {
		r.add(unloadable(i.Dir, err))
		return nil
	}
	in := &inspector{inspection: i, report: r, loaded: c, schemas: map[string]*schema{}, carried: map[string]bool{}, origin: map[traced]origin{}}
	i.places = findPlaces(i.Dir, i.files)
	if in.kubes, err = kubeVersions(i.Rules.KubeVersions); err != nil {
		return err
	}
	sets, library := in.valueSets(), c.Metadata.Type == "library"
	if library {
		sets = sets[:1]
	}
	environments := in.queue(sets)
	if err := in.helmLint(library); err != nil {
		return err
	}
	in.checkExtensions()
	if !library {
		in.checkKube(c)
		in.checkPins()
	}
	for range sets {
		in.checkInstallation(environments.take())
	}
	if library {
		return nil
	}
	in.checkCarried()
	in.checkDrift(c, sets)
	return nil
}

// checkKube compares the configured Kubernetes versions with those that the chart asks for.
func (i *inspector) checkKube(c *chart.Chart) {
	for _, kube := range i.kubes {
		if kube == nil || c.Metadata.KubeVersion == "" || kubeFits(c.Metadata.KubeVersion, kube) {
			continue
		}
		i.report.add(Finding{Severity: Error, File: i.file(chartFile), Line: i.line(chartFile, "kubeVersion"), Rule: "kube-version",
			Message: "the chart's kubeVersion excludes Kubernetes " + kube.String(),
			Fix:     "widen it, or take the version out of lint.kubeVersions"})
	}
}
