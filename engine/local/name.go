package local

import (
	"path/filepath"
	"strings"
)

// ModelName is the name of a model that has none but its file's.
func ModelName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".gguf") }
