package library

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llamaserver"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/rehead"
)

// An EngineChoice is the engine that runs a model, and why.
type EngineChoice struct {
	LlamaServer string // the path of a llama-server; "": the engine in bise
	Why         string // a clause, "" for the usual case
}

// ChooseEngine returns the engine for a file of an architecture. The error says that none can run it.
func (l *Library) ChooseEngine(name, architecture string) (EngineChoice, error) {
	c := l.options.Config.Engine
	why := ""
	switch {
	case c.Engine == config.LlamaServer:
		why = "set in config.toml"
	case c.Engine == config.BuiltIn:
		return EngineChoice{Why: "set in config.toml"}, nil
	case len(c.RPC) > 0:
		why = "config.toml names other machines"
	case llamaserver.BuiltIn(architecture) || architecture == "":
		return EngineChoice{}, nil
	default:
		why = "the architecture is newer than the built-in engine"
	}
	path, err := llamaserver.Locate(c.LlamaServer)
	switch {
	case err == nil:
		return EngineChoice{path, why}, nil
	case c.Engine == config.LlamaServer || len(c.RPC) > 0 || c.LlamaServer != "":
		return EngineChoice{}, err
	case rehead.Needed(architecture):
		return EngineChoice{}, nil // its error says how to import the file
	}
	return EngineChoice{}, fault.Advise(fault.Errorf(fault.Unsupported, "cannot run %s with the built-in engine: its architecture, %.40s, is newer", name, architecture), "%s", llamaserver.InstallAdvice)
}

// setEngine sets the engine in the options of a model file.
func (l *Library) setEngine(o *engine.LoadOptions, name, path string) error {
	if o.LlamaServer != "" {
		return nil
	}
	architecture := ""
	if c := l.options.Config.Engine; c.Engine == "" || c.Engine == config.AutoEngine {
		architecture, _ = gguf.Architecture(path) // the engine reports what is wrong with the file
	}
	c, err := l.ChooseEngine(name, architecture)
	if err != nil {
		return err
	}
	if o.LlamaServer = c.LlamaServer; c.LlamaServer != "" {
		o.RPC = l.options.Config.Engine.RPC
	}
	return nil
}

// BuildCache is the file that keeps what a llama-server can do.
func BuildCache(p config.Places) string { return filepath.Join(p.Cache, "llama-server.json") }

// LlamaServer describes the llama-server that is named in config.toml or on the PATH.
func (l *Library) LlamaServer(ctx context.Context) (*llamaserver.Build, error) {
	path, err := llamaserver.Locate(l.options.Config.Engine.LlamaServer)
	if err != nil {
		return nil, err
	}
	return llamaserver.Inspect(ctx, path, BuildCache(l.options.Places))
}

// builtIn names the engine in bise.
const builtIn = "built-in (llama.cpp of December 2025)"

// explain is an error with its advice.
func explain(err error) string {
	message, advice := fault.Explain(err)
	return strings.TrimSpace(message + " " + advice)
}

// describeEngine says which engine runs a model.
func (l *Library) describeEngine(d *Details) {
	if d.Architecture == "clip" || d.Kind != "" && d.Kind != "model" {
		return
	}
	c, err := l.ChooseEngine(d.Name, d.Architecture)
	switch {
	case err != nil:
		d.Engine, d.EngineWhy = "none", explain(err)
	case c.LlamaServer == "":
		d.Engine, d.EngineWhy = builtIn, c.Why
	default:
		d.EngineWhy = c.Why
		build, err := l.LlamaServer(context.Background())
		if err != nil {
			d.Engine, d.EngineWhy = "none", explain(err)
			return
		}
		d.Engine = build.String()
	}
}
