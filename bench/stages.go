package main

import (
	"encoding/json"
	"os"
	"strings"
	"time"
)

// stage is how long one stage of the line took, in the middle of all releases.
type stage struct {
	Name string
	Took time.Duration
}

// stages reads them from the daemon's log, without the first release.
func (l *line) stages() ([]stage, error) {
	text, err := os.ReadFile(l.path("releaser.log"))
	if err != nil {
		return nil, err
	}
	var names []string
	took := map[string][]time.Duration{}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Msg, Stage, Took string }
		if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "stage" {
			continue
		}
		d, err := time.ParseDuration(entry.Took)
		if err != nil {
			return nil, err
		}
		if took[entry.Stage] == nil {
			names = append(names, entry.Stage)
		}
		took[entry.Stage] = append(took[entry.Stage], d)
	}
	var all []stage
	for _, name := range names {
		all = append(all, stage{name, median(took[name][1:]).Round(100 * time.Microsecond)})
	}
	return all, nil
}
