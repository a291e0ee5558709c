package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/fault"
)

// keyCommandTime is the timeout of an endpoint's key_command, which may ask for a passphrase.
const keyCommandTime = 2 * time.Minute

// Endpoints returns the servers of config.toml by name, including those of AddEndpoint.
func (l *Library) Endpoints() map[string]config.Endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.endpoints)
}

// AddEndpoint writes a server into config.toml. keyEnv is the environment variable
// that holds its key; it may be empty.
func (l *Library) AddEndpoint(name, url, keyEnv string) error {
	e := config.Endpoint{URL: url, KeyEnv: keyEnv}
	if err := config.SaveEndpoint(l.options.Places.File(), name, e); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.endpoints == nil {
		l.endpoints = map[string]config.Endpoint{}
	}
	l.endpoints[name] = e
	return nil
}

// Served asks an endpoint for the names of its models.
func (l *Library) Served(ctx context.Context, endpoint string) ([]string, error) {
	c, err := l.remoteConfig(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	server, err := remote.New(c)
	if err != nil {
		return nil, err
	}
	list, err := server.Models(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the models of %s: %w", endpoint, err)
	}
	slices.Sort(list)
	return slices.Compact(list), server.Close()
}

func (l *Library) remoteConfig(ctx context.Context, name string) (remote.Config, error) {
	e, ok := l.Endpoints()[name]
	if !ok {
		return remote.Config{}, fault.Advise(fault.Errorf(fault.NotFound, "no endpoint is named %q", name), "Add it to %s.", l.options.Places.File())
	}
	key, err := l.key(ctx, name, e)
	return remote.Config{URL: e.URL, Key: key, Dialect: remote.Dialect(e.Dialect)}, err
}

// key returns an endpoint's key: it is in config.toml, in the environment, or
// printed by a command.
func (l *Library) key(ctx context.Context, name string, e config.Endpoint) (string, error) {
	switch {
	case e.KeyEnv != "":
		key := os.Getenv(e.KeyEnv)
		if key == "" {
			return "", fault.Advise(fault.Errorf(fault.Denied, "cannot use endpoint %s: the variable %s with its key is not set", name, e.KeyEnv), "Set it: export %s=…", e.KeyEnv)
		}
		return key, nil
	case len(e.KeyCommand) > 0:
		ctx, cancel := context.WithTimeout(ctx, keyCommandTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, e.KeyCommand[0], e.KeyCommand[1:]...)
		cmd.Stderr = l.options.Stderr
		out, err := cmd.Output()
		if err == nil && len(bytes.TrimSpace(out)) == 0 {
			err = errors.New("it printed nothing")
		}
		if err != nil {
			return "", fault.Advise(fault.Errorf(fault.Denied, "cannot use endpoint %s: its key_command %s: %w", name, e.KeyCommand[0], err), "Run the command yourself to see what is wrong.")
		}
		return string(bytes.TrimSpace(out)), nil
	}
	return e.Key, nil
}
