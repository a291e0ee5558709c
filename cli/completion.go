package cli

import "github.com/spf13/cobra"

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes verbs, flags and models in a shell",
		Long: `Print the script that completes verbs, flags, models and conversations in a shell.
Put it where the shell looks for such scripts, and open a new shell.`,
		Example: `bise completion bash >~/.local/share/bash-completion/completions/bise
bise completion zsh >~/.zfunc/_bise     # a folder of fpath
bise completion fish >~/.config/fish/completions/bise.fish`,
		Args:        arguments(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), "the name of a shell: bash, zsh, fish or powershell"),
		ValidArgs:   []string{"bash", "zsh", "fish", "powershell"},
		Annotations: map[string]string{bare: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			}
			return root.GenPowerShellCompletionWithDesc(a.stdout)
		},
	}
}
