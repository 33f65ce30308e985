package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// credentialsOf finds the credentials of a host in a docker config file: those in it, or those of the credential helper
// that it names. Without a file there are none; the file in the user's home is never looked at.
//
// The file is read again whenever a registry asks who we are, so that credentials may be rotated under a running
// daemon. A host gets its own credentials and no other's.
func credentialsOf(file string) (auth.CredentialFunc, error) {
	if file == "" {
		return nil, nil
	}
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("registry.auth.dockerConfigFile: %w; make it with docker login or helm registry login", err)
	}
	if _, err := credentials.NewStore(file, credentials.StoreOptions{}); err != nil {
		return nil, unreadable(file, err)
	}
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		store, err := credentials.NewStore(file, credentials.StoreOptions{})
		if err != nil {
			return auth.EmptyCredential, unreadable(file, err)
		}
		credential, err := credentials.Credential(store)(ctx, hostport)
		if err != nil {
			return auth.EmptyCredential, refused(file, hostport, err)
		}
		return credential, nil
	}, nil
}

// unreadable does not repeat err, which quotes the file's content, unless it is the system's.
func unreadable(file string, err error) error {
	var system *os.PathError
	if errors.As(err, &system) {
		return fmt.Errorf("registry.auth.dockerConfigFile: %w", system)
	}
	return fmt.Errorf("registry.auth.dockerConfigFile: %s is no docker config file; make it with docker login or helm registry login", file)
}

// refused does not repeat err either: it quotes the entry of the host, or what a helper printed.
func refused(file, hostport string, err error) error {
	var missing *exec.Error
	if errors.As(err, &missing) {
		return fmt.Errorf("%s: the credential helper for %s cannot run: %w; install it, or write the credentials into the file", file, hostport, missing)
	}
	return fmt.Errorf("%s gives no credentials for %s; look at its entry, or ask the credential helper by hand: "+
		"echo %s | docker-credential-NAME get", file, hostport, hostport)
}
