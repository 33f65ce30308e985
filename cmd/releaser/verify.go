package main

import (
	"context"
	"fmt"
	"os"
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
	Commands    []string            `json:"commands"`
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

// verifyEnvironment verifies what an environment's files name. The digest that stands there must be the one that
// the registry holds for the version.
func (v *vault) verifyEnvironment(ctx context.Context, name, chart string) ([]verified, error) {
	results := []verified{}
	h, err := v.house()
	if err != nil {
		return results, err
	}
	defer h.close()
	boards, failed := h.boards(ctx, chart)
	for _, b := range boards {
		for _, stand := range b.Rungs {
			if stand.Environment != name || stand.Version == "" {
				continue
			}
			pushed, err := v.registry.Resolve(ctx, b.Chart, stand.Version)
			var one verified
			if err == nil {
				one, err = v.vouch(ctx, pushed)
			}
			if err != nil {
				failed = errorsAfter(failed, fmt.Errorf("%s: %s %s: %w", name, b.Chart, stand.Version, err))
				continue
			}
			one.Environment = name
			results = append(results, one)
		}
	}
	if len(results) == 0 && failed == nil {
		failed = fmt.Errorf("%s holds no release: promote one there first, or see releaser status", name)
	}
	return results, failed
}

// resolve finds what a person calls chart:version, oci://…/chart:version or …@sha256:….
func (v *vault) resolve(ctx context.Context, ref string) (registry.Pushed, error) {
	base := strings.TrimSuffix(v.config.Registry.URL, "/") + "/"
	rest, ours := strings.CutPrefix(ref, base)
	if !ours && strings.Contains(ref, "://") {
		return registry.Pushed{}, usageError{fmt.Errorf("%s is not below %s, the registry of the configuration", ref, base)}
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
	signed, err := v.signer.Verify(ctx, p)
	if err != nil {
		return verified{}, err
	}
	one := verified{Reference: p.Reference(), Digest: p.Digest(), Source: p.Source(), Tag: p.Tag(), Commit: p.Commit(), Signatures: signed.Signatures()}
	one.Commands, err = v.commands(signed)
	return one, err
}

// commands are what a person types to verify without releaser, in order. They begin with the public key where it lies
// in the private one alone.
func (v *vault) commands(signed signing.Signed) (lines []string, err error) {
	files := v.files()
	trusted, err := v.trustedFile(signed.Signatures()[0].Key)
	if err != nil {
		return nil, err
	}
	if trusted != "" {
		files.PublicKey = trusted
	} else {
		lines = append(lines, fmt.Sprintf("cosign public-key --key %s --outfile %s", v.config.Path(v.config.Signing.Key), files.PublicKey))
	}
	for _, c := range signed.Commands(files) {
		lines = append(lines, c.String())
	}
	return lines, nil
}

// files are what the printed commands read, as a person may call them.
func (v *vault) files() signing.Files {
	return signing.Files{PublicKey: "cosign.pub", TrustedRoot: "trusted-root.json", CA: v.config.Registry.CAFile}
}

// trustedFile is the file of signing.trusted with that key; "" when it is the own one.
func (v *vault) trustedFile(key string) (string, error) {
	for _, name := range v.config.Signing.Trusted {
		pem, err := os.ReadFile(v.config.Path(name))
		if err != nil {
			return "", err
		}
		if id, err := signing.KeyID(pem); err != nil {
			return "", err
		} else if id == key {
			return v.config.Path(name), nil
		}
	}
	return "", nil
}

func (a *app) printVerified(results []verified) {
	for _, r := range results {
		fmt.Fprintf(a.out, "%s\n  %s\n  from %s, tag %s, commit %s\n", r.Reference, r.Digest, r.Source, r.Tag, r.Commit)
		for _, s := range r.Signatures {
			fmt.Fprintf(a.out, "  signature verified (%s): %s, key %s\n", s.Format, s.Reference, short(s.Key))
		}
		fmt.Fprintln(a.out, "  see for yourself:")
		for _, c := range r.Commands {
			fmt.Fprintln(a.out, "   ", c)
		}
	}
}
