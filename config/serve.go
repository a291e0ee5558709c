package config

import (
	"maps"
	"slices"
	"time"
)

// Serve has the settings of bise serve. Its flags override them.
type Serve struct {
	// Where to listen: HOST:PORT or unix:PATH.
	Addr string `toml:"addr" default:"127.0.0.1:8642" flag:"--addr"`
	// The file with the hashed keys of clients.
	KeyFile string `toml:"key_file" default:"serve.keys beside config.toml, if others can connect" flag:"--key-file"`
	// The certificate for HTTPS, a PEM file. Needs tls_key.
	TLSCert string `toml:"tls_cert" default:"none" flag:"--tls-cert"`
	// The private key of the certificate, a PEM file.
	TLSKey string `toml:"tls_key" default:"none" flag:"--tls-key"`
	// Web pages and apps that may connect, besides pages of this machine.
	Origins []string `toml:"origins" default:"none" flag:"--origins"`
	// Rejects requests that La Plateforme rejects.
	Strict bool `toml:"strict" default:"false" flag:"--strict"`
	// Does not describe tools in the prompt to models whose templates have no place for them.
	NativeTools bool `toml:"native_tools" default:"false" flag:"--native-tools"`
	// Models to load at the start.
	Preload []string `toml:"preload" default:"none" flag:"--preload"`
	// Memory of all models together, such as "24GB".
	Memory string `toml:"memory" default:"90 % of the memory" flag:"--memory"`
	// Requests that are held at once, running and waiting.
	Queue *int `toml:"queue" default:"256" flag:"--queue"`
	// Connections that are open at once.
	Connections int `toml:"connections" default:"512" flag:"--connections"`
	// Ends answers that take longer.
	RequestTimeout *time.Duration `toml:"request_timeout" default:"no limit" flag:"--request-timeout"`
	// How long answers may continue when the server ends.
	Drain *time.Duration `toml:"drain" default:"30s" flag:"--drain"`
	// Further names of models: name = "model". * in a name is any text.
	Aliases map[string]string `toml:"aliases"`
}

func (s Serve) check() (key, what string) {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return "serve.tls_cert", "tls_cert and tls_key belong together"
	case s.Queue != nil && *s.Queue < 0:
		return "serve.queue", "it must not be negative"
	case s.Connections < 0:
		return "serve.connections", "it must not be negative"
	case s.RequestTimeout != nil && *s.RequestTimeout < 0:
		return "serve.request_timeout", "it must not be negative"
	case s.Drain != nil && *s.Drain < 0:
		return "serve.drain", "it must not be negative"
	}
	for _, alias := range slices.Sorted(maps.Keys(s.Aliases)) {
		if s.Aliases[alias] == "" {
			return "serve.aliases." + alias, "it names no model"
		}
	}
	return "", ""
}
