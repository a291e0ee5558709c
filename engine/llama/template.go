//go:build cgo

package llama

import (
	"errors"

	"github.com/bise-sh/bise/engine/prompt"
)

// ownTemplate lays conversations out by the file's own chat template.
func (e *Engine) ownTemplate(template string) (prompt.Format, error) {
	return nil, errors.New("not yet")
}
