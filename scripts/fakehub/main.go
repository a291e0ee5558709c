// Fakehub runs the hub of the tests as a program, for other clients and for manual
// experiments.
//
//	go run ./scripts/fakehub -hub 127.0.0.1:8801 -cdn 127.0.0.1:8802
//	HF_ENDPOINT=http://127.0.0.1:8801 hf download acme/plain
//
// Folders can be repositories, for instance with names of the catalogue:
//
//	go run ./scripts/fakehub -repo mistralai/Codestral-22B-v0.1=./codestral -gated acme/locked=./codestral
//
// A control address, if given, takes commands:
//
//	curl -d 'cdn drop 700000' 127.0.0.1:8803/faults    adds a fault to a route
//	curl 127.0.0.1:8803/log                            prints the requests
//	curl -X POST 127.0.0.1:8803/reset                  removes the faults and clears the log
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/downloader/fakehub"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fakehub:", err)
		os.Exit(1)
	}
}

func run() error {
	hubAddr := flag.String("hub", "127.0.0.1:8801", "`address` of the hub and the registry")
	cdnAddr := flag.String("cdn", "127.0.0.1:8802", "`address` of the CDN")
	control := flag.String("control", "", "`address` for commands")
	size := flag.Int64("size", 0, "size in `bytes` of a model acme/big; 0: none")
	var folders []fakehub.Option
	folder := func(gated string) func(string) error {
		return func(text string) error {
			id, dir, ok := strings.Cut(text, "=")
			if !ok {
				return errors.New("want owner/name=folder")
			}
			files, err := filesOf(dir)
			folders = append(folders, fakehub.Repo(id, files...).Gated(gated))
			return err
		}
	}
	flag.Func("repo", "serve a folder as a repository, `owner/name=folder`; several times", folder(""))
	flag.Func("gated", "the same, gated", folder("manual"))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	options := []fakehub.Option{fakehub.Standard(), fakehub.Listen(*hubAddr, *cdnAddr)}
	options = append(options, folders...)
	if *size > 0 {
		options = append(options, fakehub.Repo("acme/big", fakehub.Weights("big-Q4_K_M.gguf", 1, *size)))
	}
	h, err := fakehub.Start(options...)
	if err != nil {
		return err
	}
	defer h.Close()
	fmt.Println("hub and registry at", h.URL, "and CDN at", h.CDNURL)
	if *control == "" {
		<-ctx.Done()
		return nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *control)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: controls(h)}
	context.AfterFunc(ctx, func() { s.Close() })
	if err := s.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// A part is a file on disk.
type part struct {
	*os.File
	size int64
}

func (p part) Size() int64 { return p.size }

// filesOf are the files of a folder. They stay open as long as the program runs.
func filesOf(dir string) ([]fakehub.File, error) {
	var files []fakehub.File
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		files = append(files, fakehub.Of(filepath.ToSlash(name), part{f, info.Size()}))
		return nil
	})
	return files, err
}

func controls(h *fakehub.Hub) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
		if err == nil {
			err = h.AddFault(string(text))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, _ *http.Request) {
		for _, e := range h.Log() {
			fmt.Fprintln(w, e.Line(), e.Sent(), "bytes")
		}
	})
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { h.Reset() })
	return mux
}
