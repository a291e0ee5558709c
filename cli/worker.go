package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/system"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/llamaserver"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
)

// loadHere loads a model into this process, or into a llama-server that ends with it.
func loadHere(ctx context.Context, spec worker.Spec, progress func(float64)) (engine.Engine, error) {
	if spec.Options.LlamaServer != "" {
		e, err := llamaserver.Open(ctx, llamaserver.Config{Path: spec.Path, Options: spec.Options, Cache: library.BuildCache(config.Find())}, progress)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	e, err := llama.Open(ctx, spec.Path, spec.Options, progress)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// workerCommand is the process that holds a model. Other commands
// start it.
func workerCommand(load system.Loader) *cobra.Command {
	return &cobra.Command{
		Use:         "worker",
		Short:       "Hold a model for other bise processes",
		Hidden:      true,
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Bare),
		RunE: func(cmd *cobra.Command, _ []string) error {
			llama.Log() // its last line is told when the process ends unasked
			return worker.Serve(cmd.Context(), worker.ServeConfig{Open: load})
		},
	}
}
