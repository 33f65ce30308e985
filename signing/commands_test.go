package signing

import "testing"

func TestAPrintedCommandSurvivesAShell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, want string }{
		{"cosign", "cosign"},
		{"127.0.0.1:5000/charts/voice@sha256:abc", "127.0.0.1:5000/charts/voice@sha256:abc"},
		{"/home/me/my keys/a.pub", "'/home/me/my keys/a.pub'"},
		{"it's", `'it'\''s'`},
		{"$(rm -rf)", "'$(rm -rf)'"},
		{"a'$b'c", `'a'\''$b'\''c'`},
		{"~/k", "'~/k'"},
		{"a b c", "'a b c'"},
		{"", "''"},
	} {
		if got := (Command{c.word}).String(); got != c.want {
			t.Errorf("%s is printed as %s instead of %s", c.word, got, c.want)
		}
	}
}

func TestTheCommandsCarryWhatTheRegistryNeeds(t *testing.T) {
	t.Parallel()
	s := Signed{image: "ghcr.io/acme/charts/voice@sha256:abc"}
	files := Files{PublicKey: "cosign.pub", TrustedRoot: "root.json", CA: "ca.pem"}
	const create = "cosign trusted-root create --out root.json"
	const verify = "cosign verify --key cosign.pub --trusted-root root.json --insecure-ignore-tlog "
	commands := s.Commands(files)
	if commands[0].String() != create || commands[1].String() != verify+"--registry-cacert ca.pem "+s.image {
		t.Error(commands)
	}
	s.plainHTTP, files.CA = true, ""
	if commands = s.Commands(files); commands[1].String() != verify+"--allow-http-registry "+s.image {
		t.Error(commands)
	}
}
