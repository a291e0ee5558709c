package cli

import (
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/spf13/cobra"
)

func completionCommand(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a shell completion script",
		Long: `Print the script with which a shell completes commands, flags, models and conversations.
Save it where the shell looks for such scripts, and open a new shell.`,
		Example: `bise completion bash >~/.local/share/bash-completion/completions/bise
bise completion zsh >~/.zfunc/_bise     # a folder of fpath
bise completion fish >~/.config/fish/completions/bise.fish`,
		Args:        flags.Args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), "the name of a shell: bash, zsh, fish or powershell"),
		ValidArgs:   []string{"bash", "zsh", "fish", "powershell"},
		Annotations: flags.Mark(flags.Bare),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(con.Stdout, true)
			case "zsh":
				return root.GenZshCompletion(con.Stdout)
			case "fish":
				return root.GenFishCompletion(con.Stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(con.Stdout)
		},
	}
}
