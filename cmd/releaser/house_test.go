package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/releaser/releaser/"

// rooms says which of our packages each one may import. A room may know the noun of an earlier stage, never a later one.
var rooms = map[string][]string{
	"internal/placeholder": {},
	"internal/scalar":      {},
	"internal/sandbox":     {},
	"internal/github":      {},
	"internal/journal":     {},
	"internal/web":         {},
	"pipeline/source":      {},
	"charts":               {"internal/scalar"},
	"registry":             {"charts"},
	"signing":              {"registry"},
	"config":               {"internal/placeholder", "internal/scalar"},
	"pipeline/promotion":   {"signing", "registry", "internal/github", "internal/scalar", "internal/placeholder"},
	"pipeline": {"charts", "registry", "signing", "config", "pipeline/source", "pipeline/promotion",
		"internal/scalar", "internal/placeholder", "internal/github", "internal/journal"},
	"bench": {"charts", "signing", "internal/lab/forge", "internal/lab/gitd", "internal/lab/ocid", "internal/lab/rigs"},
}

// parts says which room alone imports a heavy part, so that exchanging it changes one room.
var parts = map[string][]string{
	"helm.sh/helm/v4":                         {"charts"},
	"github.com/sigstore":                     {"signing"},
	"oras.land/oras-go/v2":                    {"registry", "signing"},
	"github.com/go-git":                       {"pipeline/source"},
	"github.com/google/go-github":             {"internal/github"},
	"github.com/distribution/distribution/v3": {"internal/lab/ocid"},
	"github.com/spf13/cobra":                  {"cmd/releaser"},
	"github.com/Shopify/toxiproxy/v2":         {"bench"},
	"github.com/riverqueue/river":             {"internal/journal"},
	"modernc.org/sqlite":                      {"internal/journal"},
	"github.com/jackc/pgx/v5":                 {"internal/journal"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(out); ; {
		var l listed
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		allowed, isRoom := rooms[room]
		seen[room] = true
		if !isRoom && !strings.HasPrefix(room, "cmd/") && !strings.HasPrefix(room, "internal/lab") {
			t.Errorf("%s is a room that this test does not know: say what it may import", room)
		}
		for _, i := range p.Imports {
			own, ours := strings.CutPrefix(i, module)
			if isRoom && ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s", room, own)
			}
		}
	}
	for room := range rooms {
		if !seen[room] {
			t.Errorf("%s is gone: take it out of this test", room)
		}
	}
}

func TestAHeavyPartIsKnownToOneRoomAlone(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		for part, homes := range parts {
			uses := slices.ContainsFunc(p.Imports, func(i string) bool { return i == part || strings.HasPrefix(i, part+"/") })
			// The lab stands servers up, and may take any part for it but those of the journal: whoever looks into a database goes around it.
			spared := strings.HasPrefix(room, "internal/lab/") && !slices.Contains(homes, "internal/journal")
			if uses && !slices.Contains(homes, room) && !spared {
				t.Errorf("%s imports %s, which belongs to %s", room, part, strings.Join(homes, ", "))
			}
		}
	}
}

// Each child of the sandbox initialises every package that the binary links, whether it needs it or not. CNCF
// distribution alone brings a hundred and eighty of them: clients of clouds, gRPC, telemetry.
func TestTheBinaryLinksNoRegistryButTheLightOne(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", module+"cmd/releaser").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, module+"internal/lab/ocid/mem") {
		t.Error("the demo has no registry: this test looks at the wrong thing")
	}
	for _, p := range linked {
		if strings.HasPrefix(p, "github.com/distribution/distribution/") {
			t.Errorf("the binary links %s, which every child pays for", p)
		}
	}
}
