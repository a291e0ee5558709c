package config

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// SaveEndpoint appends an endpoint, with only its URL and KeyEnv, to a config.toml. It fails
// if the name exists or the endpoint is invalid.
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
