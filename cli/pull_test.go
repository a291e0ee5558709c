package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bise-sh/bise/library/pull/pulltest"
)

// Models are pulled from a hub on this machine, converted here and quantized by
// llama.cpp.
func TestPull(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/pull",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"damage": damage},
		UpdateScripts: updating(),
		Setup: func(env *testscript.Env) error {
			for _, place := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
				env.Setenv("XDG_"+place+"_HOME", filepath.Join(env.WorkDir, strings.ToLower(place)))
			}
			env.Setenv("XDG_RUNTIME_DIR", filepath.Join(env.WorkDir, "run"))
			env.Setenv("TERM", "xterm-256color")
			env.Setenv("HF_ENDPOINT", pulltest.New(t).URL)
			for _, dir := range []string{"run", "config/bise"} {
				if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
					return err
				}
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "config/bise/catalog.toml"), []byte(pulltest.Catalog), 0o600)
		},
	})
}
