package flags

import (
	"fmt"
	"os"

	"github.com/bise-sh/bise/fault"
)

// Replaces refuses to write over files, unless that is wanted.
func Replaces(force bool, paths ...string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot write %s: it is a folder", path), Advice: "Name a file in it."}
		case !force:
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s exists", path), Advice: "Replace it with --force, or give another name."}
		}
	}
	return nil
}
