// Command bise is a terminal assistant that runs Mistral's models on your own
// machine.
package main

import (
	"os"

	"github.com/bise-sh/bise/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
