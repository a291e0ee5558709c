package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
)

// SaveInterface writes the settings of the interface, except for Keys, to a config.toml. It
// changes only the values that differ: comments, order and unknown keys stay.
func SaveInterface(path string, to Interface) error {
	err := edit(path, func(data []byte, before Config) ([]byte, Config) {
		want := before
		want.Interface = to
		want.Interface.Keys = before.Interface.Keys
		return change(data, before.Interface, to), want
	})
	if err != nil {
		return fmt.Errorf("save the settings in %s: %w", path, err)
	}
	return nil
}

// edit changes a config.toml, and checks that the new text has the wanted values.
func edit(path string, change func(data []byte, before Config) (after []byte, want Config)) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before, _, err := parse(path, data)
	if err != nil {
		return err
	}
	after, want := change(data, before)
	if bytes.Equal(after, data) {
		return nil
	}
	// This finds TOML that lineOf and set misread, such as a header in a multi-line string.
	if got, _, err := parse(path, after); err != nil || !reflect.DeepEqual(got, want) {
		return errors.New("bise cannot change this file; edit it yourself")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, after, 0o600)
}

// SaveModel writes the model of a mode, or the default model if mode is "", to a config.toml.
// An empty ref removes the setting.
func SaveModel(path, mode, ref string) error {
	err := edit(path, func(data []byte, before Config) ([]byte, Config) {
		want := before
		if mode == "" {
			want.Model = ref
			return setOrRemove(data, "", "model", ref), want
		}
		*want.Models.Of(mode) = ref
		return setOrRemove(data, "models", mode, ref), want
	})
	if err != nil {
		return fmt.Errorf("save the choice of a model in %s: %w", path, err)
	}
	return nil
}

func setOrRemove(data []byte, table, key, value string) []byte {
	if value != "" {
		return set(data, table, key, strconv.Quote(value))
	}
	name := []string{key}
	if table != "" {
		name = []string{table, key}
	}
	line := lineOf(data, name)
	if line == 0 {
		return data
	}
	lines := strings.SplitAfter(string(data), "\n")
	return []byte(strings.Join(slices.Delete(lines, line-1, line), ""))
}

func change(data []byte, from, to Interface) []byte {
	if from.Theme != to.Theme {
		data = set(data, "interface", "theme", strconv.Quote(to.Theme))
	}
	if to.Mouse != nil && (from.Mouse == nil || *from.Mouse != *to.Mouse) {
		data = set(data, "interface", "mouse", strconv.FormatBool(*to.Mouse))
	}
	if from.Vim != to.Vim {
		data = set(data, "interface", "vim", strconv.FormatBool(to.Vim))
	}
	if from.Thinking != to.Thinking {
		data = set(data, "interface", "thinking", strconv.FormatBool(to.Thinking))
	}
	if from.Bell != to.Bell {
		data = set(data, "interface", "bell", strconv.Quote(to.Bell))
	}
	return data
}

// set sets a key of a table: in its line, or at the end of the table, or in a new table. The
// table "" has the keys before all tables.
func set(data []byte, table, key, value string) []byte {
	lines := strings.SplitAfter(string(data), "\n")
	var at, parent []string
	end := -1 // the line after the table's last
	if table == "" {
		end = 0
	} else {
		parent = []string{table}
	}
	for i, line := range lines {
		text := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(text, "["); ok {
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
			at = splitKey(name)
			if equalKey(at, parent...) {
				end = i + 1
			}
			continue
		}
		left, right, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(text, "#") {
			continue
		}
		if equalKey(slices.Concat(at, splitKey(left)), append(slices.Clone(parent), key)...) {
			lines[i] = left + "=" + withValue(right, value)
			return []byte(strings.Join(lines, ""))
		}
		if equalKey(at, parent...) {
			end = i + 1
		}
	}
	line := key + " = " + value + "\n"
	if end < 0 {
		text := strings.TrimRight(string(data), "\n")
		if text != "" {
			text += "\n\n"
		}
		return []byte(text + "[" + table + "]\n" + line)
	}
	if end == 0 && bytes.HasPrefix(data, []byte("[")) {
		line += "\n"
	}
	if end > 0 && !strings.HasSuffix(lines[end-1], "\n") {
		lines[end-1] += "\n"
	}
	return []byte(strings.Join(slices.Insert(lines, end, line), ""))
}

// equalKey compares keys like package toml, which ignores case.
func equalKey(key []string, name ...string) bool {
	return slices.EqualFunc(key, name, strings.EqualFold)
}

// withValue replaces the value after an equals sign, and keeps the comment after it.
func withValue(right, value string) string {
	old := strings.TrimLeft(right, " \t")
	space := right[:len(right)-len(old)]
	rest := old
	if old != "" && (old[0] == '"' || old[0] == '\'') {
		if i := strings.IndexByte(old[1:], old[0]); i >= 0 {
			rest = old[i+2:]
		}
	} else {
		rest = strings.TrimLeft(old, "abcdefghijklmnopqrstuvwxyz")
	}
	return space + value + rest
}

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
