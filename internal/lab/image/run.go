package image

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// enter makes the folder $1 the root, with what a container runtime mounts there and with the folder $2 at /given, and
// runs the rest as the user $3. The mounts are seen by nobody else and end with the process.
const enter = `
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/given" && mount -o remount,bind,ro "$1/given" || exit 125
root=$1 user=$3; shift 3
exec chroot --userspec="$user" --groups= "$root" "$@"`

// Run runs an image's entry point on its files, in its environment and as its user, with arguments or else with its own.
// It gives all that was printed, and the exit code. ("buildah run" would do, if it did not lose the output of a short
// command now and then.)
func Run(ctx context.Context, files string, c Config, given string, args ...string) (string, int, error) {
	for _, dir := range []string{"proc", "dev", "given"} {
		if err := os.MkdirAll(filepath.Join(files, dir), 0o755); err != nil {
			return "", 0, err
		}
	}
	if len(args) == 0 {
		args = c.Cmd
	}
	whole := append([]string{"--mount", "sh", "-c", enter, "sh", files, given, c.User}, append(c.Entrypoint, args...)...)
	cmd := exec.CommandContext(ctx, "unshare", whole...)
	cmd.Env = c.Env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}
