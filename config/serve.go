package config

import (
	"maps"
	"slices"
	"time"
)

// Serve has the settings of bise serve. Its flags override them.
type Serve struct {
	Addr           string            `toml:"addr"`     // HOST:PORT or unix:PATH
	KeyFile        string            `toml:"key_file"` // hashed keys
	TLSCert        string            `toml:"tls_cert"`
	TLSKey         string            `toml:"tls_key"`
	Origins        []string          `toml:"origins"` // of web pages and apps that may connect
	Strict         bool              `toml:"strict"`
	NativeTools    bool              `toml:"native_tools"` // no tools for models whose templates have none
	Preload        []string          `toml:"preload"`      // models to load at the start
	Memory         string            `toml:"memory"`       // of all models: "24 GB"
	Queue          *int              `toml:"queue"`        // requests that may wait for a model
	Connections    int               `toml:"connections"`  // open at once
	RequestTimeout *time.Duration    `toml:"request_timeout"`
	Drain          *time.Duration    `toml:"drain"`   // for answers when the server ends
	Aliases        map[string]string `toml:"aliases"` // further names of models
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
