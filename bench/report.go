package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/template"
	"time"

	"github.com/releaser/releaser/internal/lab/rigs"
)

//go:embed readme.tmpl
var readme string

// report writes the README. What it says of reasons is in readme.tmpl, what it says in numbers was measured just now.
func report(ctx context.Context, o options, tables []table, begun begun, loads []load, idle time.Duration) error {
	t, err := template.New("readme").Parse(readme)
	if err != nil {
		return err
	}
	var shown []shownTable
	for _, t := range tables {
		shown = append(shown, t.show())
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{"Rounds": o.rounds, "RTT": o.rtt, "Where": where(ctx), "Tools": tools(), "Tables": shown,
		"Starts": starts, "Start": begun.show(), "Loads": shownLoads(loads, tables[0]), "IdleTags": idleTags, "Idle": fmt.Sprintf("%.0f ms", ms(idle))})
	if err != nil {
		return err
	}
	return os.WriteFile(o.report, out.Bytes(), 0o644)
}

// shownLoad is a row of the table of many tags.
type shownLoad struct{ Tags, Wall, CPU, Share, Peak, Registry, Writes string }

// shownLoads are the rows; the share is of what one release costs the glue, in the first table of the same run.
func shownLoads(all []load, beside table) (rows []shownLoad) {
	glue := middle(beside.glue, func(c cost) float64 { return ms(c.cpu) })
	for _, l := range all {
		n := float64(l.tags)
		rows = append(rows, shownLoad{
			Tags: fmt.Sprint(l.tags), Wall: fmt.Sprintf("%.1f s", l.wall.Seconds()), CPU: fmt.Sprintf("%.0f ms", ms(l.cpu)/n), Share: fmt.Sprintf("%.2f", ms(l.cpu)/n/glue),
			Peak: fmt.Sprintf("%d MiB", l.peak>>20), Registry: fmt.Sprintf("%.1f", float64(l.registry)/n), Writes: fmt.Sprint(l.writes),
		})
	}
	return rows
}

// shownTable is a table as the README prints it.
type shownTable struct {
	Title  string
	Rows   []row
	Stages []stage
}

type row struct{ What, Glue, Line, Ratio, Target string }

func (t table) show() shownTable {
	rows := []row{
		t.row("wall time, tag to open pull request", "%.0f ms", func(c cost) float64 { return ms(c.wall) }).share(t.wall),
		t.row("CPU time, user and system", "%.0f ms", func(c cost) float64 { return ms(c.cpu) }).share(t.cpu),
		t.row("of that, the daemon's children", "%.0f ms", func(c cost) float64 { return ms(c.child) }).alone(),
		t.row("peak memory", "%.0f MiB", func(c cost) float64 { return float64(c.peak) / (1 << 20) }).row,
	}
	for _, server := range []string{"registry", "git", "forge"} {
		rows = append(rows, t.row("requests: "+server, "%.0f", func(c cost) float64 { return float64(c.requests(server)) }).row)
	}
	all := t.row("requests: all", "%.0f", func(c cost) float64 { return float64(c.requests("")) })
	return shownTable{Title: t.title, Rows: append(rows, all.most(t.requests)), Stages: t.stages}
}

// compared is a row with the medians that it shows.
type compared struct {
	row
	glue, line float64
}

func (t table) row(what, format string, of func(cost) float64) compared {
	c := compared{glue: middle(t.glue, of), line: middle(t.line, of)}
	c.row = row{What: what, Glue: fmt.Sprintf(format, c.glue), Line: fmt.Sprintf(format, c.line), Ratio: fmt.Sprintf("%.2f", c.line/c.glue)}
	return c
}

// alone is a row of the daemon only.
func (c compared) alone() row {
	c.Glue, c.Ratio = "", ""
	return c.row
}

// share says whether the daemon takes at most a share of what the glue does.
func (c compared) share(target float64) row {
	c.Target = verdict(fmt.Sprintf("at most %.2f", target), c.line/c.glue <= target)
	return c.row
}

// most says whether the daemon stays within a number.
func (c compared) most(target int) row {
	c.Target = verdict(fmt.Sprintf("at most %d", target), c.line <= float64(target))
	return c.row
}

func verdict(target string, met bool) string {
	if met {
		return target + ": met"
	}
	return target + ": **missed**"
}

func middle(all []cost, of func(cost) float64) float64 {
	var values []float64
	for _, c := range all {
		values = append(values, of(c))
	}
	return median(values)
}

// where is what a reader needs to compare the numbers with others.
func where(ctx context.Context) string {
	kernel, _ := exec.CommandContext(ctx, "uname", "-sr").Output()
	model := "a processor that does not tell its name"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			break
		}
	}
	return fmt.Sprintf("%s, %s, %d cores of %s, on %s", runtime.Version(), strings.TrimSpace(string(kernel)), runtime.NumCPU(), model,
		time.Now().UTC().Format(time.DateOnly))
}

// tools are the versions of the glue's tools.
func tools() string {
	var all []string
	for _, name := range []string{"helm", "cosign", "yq"} {
		if rig, err := rigs.Find(name); err == nil {
			all = append(all, name+" "+rig.Version)
		}
	}
	return strings.Join(all, ", ")
}
