package signing

import "strings"

// Files are what the printed commands read, as paths for their user.
type Files struct {
	// PublicKey is the public key of the signer.
	PublicKey string
	// TrustedRoot is where the first command writes an empty trusted root.
	TrustedRoot string
	// CA is the private CA of the registry; empty when there is none.
	CA string
}

// Command is a program and its arguments.
type Command []string

// Commands are what a user types to verify this chart with the cosign command and no network but the registry. They are
// the same for cosign v2.6 and v3, and for every mix of forms.
//
// The trusted root is empty. A key needs none, but without the file cosign asks TUF for the public one as soon as there
// is a bundle.
func (s Signed) Commands(f Files) []Command {
	verify := Command{"cosign", "verify", "--key", f.PublicKey, "--trusted-root", f.TrustedRoot, "--insecure-ignore-tlog"}
	if s.plainHTTP {
		verify = append(verify, "--allow-http-registry")
	}
	if f.CA != "" {
		verify = append(verify, "--registry-cacert", f.CA)
	}
	return []Command{
		{"cosign", "trusted-root", "create", "--out", f.TrustedRoot},
		append(verify, s.image),
	}
}

// String is the command as one types it into a shell.
func (c Command) String() string {
	words := make([]string, len(c))
	for i, word := range c {
		words[i] = quote(word)
	}
	return strings.Join(words, " ")
}

// quote leaves alone what no shell looks at twice.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("%+,-./:=@_", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
