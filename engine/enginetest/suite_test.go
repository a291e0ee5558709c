package enginetest

import (
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestScriptKeepsTheContract(t *testing.T) {
	for _, m := range []struct {
		name string
		can  engine.Capabilities
	}{
		{"everything", engine.Capabilities{}},
		{"chat", engine.Capabilities{Chat: true}},
		{"fill", engine.Capabilities{FIM: true}},
		{"embeddings", engine.Capabilities{Embed: true}},
	} {
		t.Run(m.name, func(t *testing.T) {
			Run(t, Suite{
				Open:     func(*testing.T) engine.Engine { return &Script{About: engine.Info{Can: m.can}} },
				EndToken: EndToken,
			})
		})
	}
}
