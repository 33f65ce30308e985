package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// print writes the value as JSON where that is asked for, else calls text.
func (a *app) print(value any, text func()) error {
	if a.output != "json" {
		text()
		return nil
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// table writes rows in columns; the first row is the head. An empty cell is a dash.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			if cells[i] = c; c == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	w.Flush()
}
