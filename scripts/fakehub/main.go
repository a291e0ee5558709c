// Fakehub is the hub that tests are run against, as a program: for clients that are
// no tests, and to try things by hand.
//
//	go run ./scripts/fakehub -hub 127.0.0.1:8801 -cdn 127.0.0.1:8802
//	HF_ENDPOINT=http://127.0.0.1:8801 hf download acme/plain
//
// A third address takes orders, when one is given:
//
//	curl -d 'cdn drop 700000' 127.0.0.1:8803/faults    a route, and what it does wrong from now on
//	curl 127.0.0.1:8803/log                            what was asked
//	curl -X POST 127.0.0.1:8803/reset                  no faults, an empty log
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"

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
	control := flag.String("control", "", "`address` that takes orders")
	size := flag.Int64("size", 0, "`bytes` of a model of acme/big, if there is to be one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	options := []fakehub.Option{fakehub.Standard(), fakehub.Listen(*hubAddr, *cdnAddr)}
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
	s := &http.Server{Handler: orders(h)}
	context.AfterFunc(ctx, func() { s.Close() })
	if err := s.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

func orders(h *fakehub.Hub) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
		if err == nil {
			err = h.Order(string(text))
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
