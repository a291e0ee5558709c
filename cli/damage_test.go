package cli

import (
	"errors"
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bise-sh/bise/gguf"
)

// damage FILE TENSOR writes a NaN at the beginning of a tensor of float32.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	file, err := gguf.Read(path)
	ts.Check(err)
	for _, x := range file.Tensors {
		if x.Name == args[1] {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			ts.Check(err)
			_, err = f.WriteAt([]byte{0, 0, 0xC0, 0x7F}, x.Offset)
			ts.Check(errors.Join(err, f.Close()))
			return
		}
	}
	ts.Fatalf("there is no tensor %s", args[1])
}
