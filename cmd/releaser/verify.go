package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// verified is what verify found out about one reference.
type verified struct {
	Reference   string              `json:"reference"`
	Digest      string              `json:"digest"`
	Environment string              `json:"environment,omitempty"`
	Source      string              `json:"source"`
	Tag         string              `json:"tag"`
	Commit      string              `json:"commit"`
	Signatures  []signing.Signature `json:"signatures"`
	// PublicKey is the PEM of the key that the commands call cosign.pub.
	PublicKey string   `json:"publicKey"`
	Commands  []string `json:"commands"`
}

func (a *app) verifyCommand() *cobra.Command {
	var chart string
	c := &cobra.Command{
		Use:   "verify REF|ENV",
		Short: "Verify a chart's signature, or those of all that runs in an environment, from the registry alone",
		Example: `  releaser verify oci://ghcr.io/acme/charts/voice-agent:0.1.0
  releaser verify voice-agent:0.1.0
  releaser verify prod`,
		Args: exactly("REF|ENV"),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.vault()
			if err != nil {
				return err
			}
			results, err := v.verify(c.Context(), args[0], chart)
			return errorsAfter(a.print(results, func() { a.printVerified(results) }), err)
		},
	}
	c.Flags().StringVar(&chart, "chart", "", "with ENV: this chart alone")
	return c
}

// verify verifies a reference, or all that an environment holds.
func (v *vault) verify(ctx context.Context, name, chart string) ([]verified, error) {
	if _, ok := v.config.Environment(name); ok {
		return v.verifyEnvironment(ctx, name, chart)
	}
	pushed, err := v.resolve(ctx, name)
	if err != nil {
		return []verified{}, err
	}
	one, err := v.vouch(ctx, pushed)
	if err != nil {
		return []verified{}, err
	}
	return []verified{one}, nil
}

// verifyEnvironment verifies what an environment's files name. What they name must be one release, in all they say.
func (v *vault) verifyEnvironment(ctx context.Context, name, chart string) ([]verified, error) {
	results := []verified{}
	h, err := v.house()
	if err != nil {
		return results, err
	}
	defer h.close()
	charts := []string{chart}
	if chart == "" {
		if charts, err = h.promoter.Charts(ctx, name); err != nil {
			return results, err
		}
	}
	var failed error
	for _, c := range charts {
		one, held, err := h.verifyHeld(ctx, name, c)
		switch {
		case err != nil:
			failed = errorsAfter(failed, fmt.Errorf("%s: %s: %w", name, c, err))
		case held:
			results = append(results, one)
		}
	}
	if len(results) == 0 && failed == nil {
		failed = fmt.Errorf("%s holds no release: promote one there first, or see releaser status", name)
	}
	return results, failed
}

// verifyHeld verifies the release of one chart that an environment holds; held is false when it holds none.
func (h *house) verifyHeld(ctx context.Context, environment, chart string) (one verified, held bool, err error) {
	holds, err := h.promoter.Holds(ctx, environment, chart)
	if err != nil || holds.Empty {
		return one, false, err
	}
	if problems := holds.Problems(); len(problems) > 0 {
		return one, false, fmt.Errorf("the files do not name one release: %s; run releaser status", strings.Join(problems, "; "))
	}
	pushed, err := h.registry.ResolveDigest(ctx, chart, holds.Release.Digest)
	if err != nil {
		return one, false, err
	}
	one, err = h.vouch(ctx, pushed)
	one.Environment = environment
	return one, err == nil, err
}

// resolve finds what a person calls chart:version, oci://…/chart:version or …@sha256:….
func (v *vault) resolve(ctx context.Context, ref string) (registry.Pushed, error) {
	base := strings.TrimSuffix(v.config.Registry.URL, "/") + "/"
	rest, ours := strings.CutPrefix(ref, base)
	if !ours && strings.Contains(ref, "://") {
		return registry.Pushed{}, usageError{fmt.Errorf("%s is not below %s, the registry of the configuration: write chart:version, or give the configuration of that registry", ref, base)}
	}
	if chart, digest, ok := strings.Cut(rest, "@"); ok {
		name, _, _ := strings.Cut(chart, ":")
		return v.registry.ResolveDigest(ctx, name, digest)
	}
	chart, version, ok := strings.Cut(rest, ":")
	if !ok {
		return registry.Pushed{}, usageError{fmt.Errorf("%s is no environment of the configuration, and no reference: write chart:version", ref)}
	}
	return v.registry.Resolve(ctx, chart, strings.ReplaceAll(version, "_", "+"))
}

// vouch verifies one version.
func (v *vault) vouch(ctx context.Context, p registry.Pushed) (verified, error) {
	signed, err := v.verifier.Verify(ctx, p)
	if err != nil {
		return verified{}, err
	}
	one := verified{Reference: p.Reference(), Digest: p.Digest(), Source: p.Source(), Tag: p.Tag(), Commit: p.Commit(), Signatures: signed.Signatures()}
	one.Commands = v.commands(signed)
	if key, ok := v.verifier.PublicKey(one.Signatures[0].Key); ok {
		one.PublicKey = string(key)
	}
	return one, nil
}

// commands are what a person types to verify without releaser, in order.
func (v *vault) commands(signed signing.Signed) (lines []string) {
	files := v.files()
	files.CA = v.config.Path(files.CA)
	for _, c := range signed.Commands(files) {
		lines = append(lines, c.String())
	}
	return lines
}

// files are what the printed commands read, as a reader may call them.
func (v *vault) files() signing.Files {
	return signing.Files{PublicKey: "cosign.pub", TrustedRoot: "trusted-root.json", CA: v.config.Registry.CAFile}
}

func (a *app) printVerified(results []verified) {
	for _, r := range results {
		fmt.Fprintf(a.out, "%s\n  %s\n  from %s, tag %s, commit %s\n", r.Reference, r.Digest, r.Source, r.Tag, r.Commit)
		for _, s := range r.Signatures {
			fmt.Fprintf(a.out, "  signature verified (%s): %s, key %s\n", s.Format, s.Reference, short(s.Key))
		}
		fmt.Fprintf(a.out, "  see for yourself, with this key as cosign.pub:\n%s", r.PublicKey)
		for _, c := range r.Commands {
			fmt.Fprintln(a.out, "   ", c)
		}
	}
}
