package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes bise's verbs and flags in a shell",
		Example: `bise completion bash >~/.local/share/bash-completion/completions/bise
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

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "man [VERB]",
		Short:       "Print the manual page of bise, or of a verb",
		Example:     "bise man ask | man -l -",
		Args:        arguments(cobra.MaximumNArgs(1), "at most one verb"),
		Annotations: map[string]string{bare: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			page := cmd.Root()
			if len(args) == 1 {
				if err := knownVerb(page, args[:1]); !isVerb(page, args[0]) {
					return err
				}
				page, _, _ = page.Find(args)
			}
			page.DisableAutoGenTag = true
			return doc.GenMan(page, &doc.GenManHeader{Section: "1", Source: "bise " + thisBuild().Version, Manual: "bise"}, a.stdout)
		},
	}
}

func isVerb(root *cobra.Command, name string) bool {
	for _, c := range root.Commands() {
		if c.Name() == name {
			return true
		}
	}
	return false
}
