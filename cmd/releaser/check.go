package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/internal/sandbox"
)

// checked is one thing that check looked at.
type checked struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the configuration, reach what it names, and say what is in force",
		Long: `check reads the configuration and the files that it names, lists each source, asks the registry, reads each environment's branch,
connects to the journal's database, and starts the child process that renders charts, to say what protects it. It changes nothing. Exit 0
when all of it is well, 1 when something cannot be reached, 2 when the configuration is refused or a file that it names cannot be read.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.house()
			if err != nil {
				return err
			}
			defer h.close()
			results := h.check(c.Context())
			err = a.print(results, func() {
				for _, r := range results {
					mark := "ok    "
					if !r.OK {
						mark = "FAILED"
					}
					fmt.Fprintf(a.out, "%s  %s: %s\n", mark, r.What, r.Detail)
				}
			})
			for _, r := range results {
				if !r.OK {
					return errorsAfter(err, errReported)
				}
			}
			return err
		},
	}
}

// check looks at everything and never stops at the first fault.
func (h *house) check(ctx context.Context) []checked {
	results := []checked{h.checkKeys()}
	for _, s := range h.sources {
		refs, err := s.Git.Refs(ctx)
		results = append(results, result("source "+s.Rules.Name, err, func() string {
			return fmt.Sprintf("%s has %d tags and %d branches", s.Rules.URL, len(refs.Tags), len(refs.Heads))
		}))
		_, known, err := h.registry.Baseline(ctx, s.Rules.Name)
		results = append(results, result("registry", err, func() string {
			if known {
				return h.config.Registry.URL + " answers and knows the source " + s.Rules.Name
			}
			return h.config.Registry.URL + " answers; the source " + s.Rules.Name + " is new to it"
		}))
	}
	results = append(results, h.checkEnvironments(ctx)...)
	return append(results, h.checkJournal(ctx), h.checkWebhook(), h.checkSandbox(ctx))
}

// checkEnvironments reads the branch of each environment. What several fail for is told once: mostly it is their one token.
func (h *house) checkEnvironments(ctx context.Context) (results []checked) {
	for _, e := range h.config.Environments {
		head, err := h.github.Repository(e.Repository).Branch(ctx, e.Branch)
		found := result("environment "+e.Name, err, func() string {
			return fmt.Sprintf("%s, branch %s at %.12s", e.Repository, e.Branch, head)
		})
		same := slices.IndexFunc(results, func(r checked) bool { return !r.OK && !found.OK && r.Detail == found.Detail })
		if same < 0 {
			results = append(results, found)
			continue
		}
		results[same].What += ", " + e.Name
	}
	return results
}

func result(what string, err error, detail func() string) checked {
	if err != nil {
		return checked{What: what, Detail: strings.TrimPrefix(err.Error(), what+": ")}
	}
	return checked{What: what, OK: true, Detail: detail()}
}

func (h *house) checkKeys() checked {
	if h.signer == nil {
		return checked{What: "signing", OK: true, Detail: "no private key: this configuration verifies and promotes, and releases nothing"}
	}
	return checked{What: "signing", OK: true, Detail: fmt.Sprintf("the key opens; formats %v", h.config.Signing.Formats)}
}

// checkJournal asks the database of the journal whether it could be used, and changes nothing in it.
func (h *house) checkJournal(ctx context.Context) checked {
	if h.config.Journal.Postgres == nil {
		return checked{What: "journal", OK: true, Detail: "no journal.postgres: it is a file in --data-dir, for one process"}
	}
	return result("journal", journal.Reach(ctx, h.journalURL), func() string { return "PostgreSQL answers, and the user may create tables there" })
}

// journalURL reads the address of the journal's database, which is a secret.
func (v *vault) journalURL() (string, error) {
	return secretIn("journal.postgres.urlFile", v.config.Path(v.config.Journal.Postgres.URLFile))
}

func (h *house) checkWebhook() checked {
	if err := h.openWebhook(); err != nil {
		return result("webhook", err, nil)
	}
	if len(h.webhookSecrets) == 0 {
		return checked{What: "webhook", OK: true, Detail: "no server.webhook.secretFiles: changes are found by the sweeps alone"}
	}
	return checked{What: "webhook", OK: true, Detail: fmt.Sprintf("%d secret(s); GitHub sends push, create and pull_request to /webhook/github", len(h.webhookSecrets))}
}

// checkSandbox asks a child what holds it. A kernel that lacks something is no failure: it is said.
func (h *house) checkSandbox(ctx context.Context) checked {
	box := &sandbox.Box{}
	defer closeQuietly(box)
	p, err := box.Protections(ctx)
	return result("sandbox", err, p.String)
}

func closeQuietly(c io.Closer) { _ = c.Close() }
