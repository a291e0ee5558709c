package config

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// SaveEndpoint adds an endpoint to a config.toml, at the end; the rest of the file
// stays as it is. Only the URL and the name of the variable that has its key are
// written. A name that is taken is an error, and so is an endpoint that config.toml
// could not have.
func SaveEndpoint(path, name string, e Endpoint) error {
	err := edit(path, func(data []byte, before Config) ([]byte, Config) {
		want := before
		want.Endpoints = map[string]Endpoint{name: e}
		maps.Copy(want.Endpoints, before.Endpoints)
		text := strings.TrimRight(string(data), "\n")
		if text != "" {
			text += "\n\n"
		}
		text += fmt.Sprintf("[endpoints.%s]\nurl = %s\n", strconv.Quote(name), strconv.Quote(e.URL))
		if e.KeyEnv != "" {
			text += fmt.Sprintf("key_env = %s\n", strconv.Quote(e.KeyEnv))
		}
		return []byte(text), want
	})
	if err != nil {
		return fmt.Errorf("save the server %s in %s: %w", name, path, err)
	}
	return nil
}
