package config

import (
	"bytes"
	"slices"
	"strings"
)

// lineOf finds the line, from 1, of a key or table in a valid TOML document, or 0. The TOML
// package does not export positions, so this reads simple headers and assignments.
func lineOf(data []byte, key []string) int {
	var table []string
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if rest, ok := strings.CutPrefix(text, "["); ok {
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
			table = splitKey(name)
			if slices.Equal(table, key) {
				return number
			}
			continue
		}
		left, _, ok := strings.Cut(text, "=")
		if !ok || strings.HasPrefix(text, "#") {
			continue
		}
		at := slices.Concat(table, splitKey(left))
		if slices.Equal(at, key) {
			return number
		}
		// An inline table: endpoints.lab = { ulr = "…" }.
		if len(at) < len(key) && slices.Equal(at, key[:len(at)]) {
			return number
		}
	}
	return 0
}

func splitKey(s string) []string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(p), `"'`)
	}
	return parts
}
