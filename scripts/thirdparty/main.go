// Thirdparty writes down what bise is made of: the licences of all that is linked into it, and a bill of materials
// for each archive of a release.
//
// usage:
//
//	thirdparty notices             print THIRD_PARTY_NOTICES.txt
//	thirdparty sbom ARCHIVE FILE   write a bill of materials (CycloneDX, JSON) of a release's archive to FILE
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "thirdparty:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "notices":
		mods, err := modules(ctx)
		if err != nil {
			return err
		}
		text, err := notices(ctx, mods)
		if err != nil {
			return err
		}
		_, err = os.Stdout.WriteString(text)
		return err
	case len(args) == 3 && args[0] == "sbom":
		return writeSBOM(ctx, args[1], args[2])
	}
	return fmt.Errorf("usage: thirdparty notices, or thirdparty sbom ARCHIVE FILE")
}
