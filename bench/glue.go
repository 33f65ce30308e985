package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/releaser/releaser/internal/lab/rigs"
)

//go:embed glue.sh
var glueScript string

// glue is the side of the shell script.
type glue struct {
	side
	script string
}

// newGlue puts the tools where the script finds them by their usual names.
func newGlue(s side) (*glue, error) {
	for _, name := range []string{"helm", "cosign", "yq"} {
		rig, err := rigs.Find(name)
		if err != nil {
			return nil, err
		}
		if !rig.Built() {
			return nil, fmt.Errorf("%s is not built; run: make bench", name)
		}
		if err := os.Symlink(rig.Path, s.path("bin", name)); err != nil {
			return nil, err
		}
	}
	g := &glue{side: s, script: s.path("glue.sh")}
	return g, write(g.script, []byte(glueScript), 0o755)
}

// release runs the script, in a folder of the bench's own. The kernel counts what it used, and all that it started and
// waited for.
func (g *glue) release(ctx context.Context, tag, version string) (c cost, err error) {
	cmd := exec.CommandContext(ctx, "bash", g.script)
	cmd.Dir = g.path("tmp")
	cmd.Env = append(g.environment(),
		"TAG="+tag, "CHART="+chart, "VERSION="+version,
		"PLATFORM_URL="+g.url(g.platform()), "ENVIRONMENTS_URL="+g.url(g.environments()), "ENVIRONMENTS="+g.environments(),
		"REGISTRY="+g.registry+"/"+g.name, "FORGE_URL="+g.api, "FORGE_TOKEN="+g.token,
		"COSIGN_KEY="+g.path("keys", "cosign.key"), "COSIGN_PUB="+g.path("keys", "cosign.pub"), "COSIGN_PASSWORD="+g.password,
	)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	watch := newWatch(cmd.Process.Pid)
	err = cmd.Wait()
	c.peak, c.cpu = watch.stop(), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	pull, ok := g.book.pull()
	if err == nil && !ok {
		err = errors.New("no pull request")
	}
	if err != nil {
		return c, fmt.Errorf("the glue at %s: %w:\n%s", tag, err, printed.String())
	}
	c.wall = pull.ended.Sub(began)
	return c, nil
}
