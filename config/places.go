package config

import (
	"path/filepath"
	"sync"

	"github.com/adrg/xdg"
)

// Places are bise's folders, which need not exist.
type Places struct {
	Config  string // config.toml is here
	Data    string // conversations
	Models  string // installed models
	Cache   string // can be deleted
	KV      string // states of conversations, under Cache
	State   string // kept between runs, not important
	Log     string // log files, under State
	Runtime string // sockets; deleted with the session
}

var xdgMu sync.Mutex // of the variables of package xdg

// Find returns the places that the XDG variables name, or the system's defaults.
func Find() Places {
	xdgMu.Lock()
	defer xdgMu.Unlock()
	xdg.Reload()
	p := Places{
		Config:  filepath.Join(xdg.ConfigHome, "bise"),
		Data:    filepath.Join(xdg.DataHome, "bise"),
		Cache:   filepath.Join(xdg.CacheHome, "bise"),
		State:   filepath.Join(xdg.StateHome, "bise"),
		Runtime: filepath.Join(xdg.RuntimeDir, "bise"),
	}
	p.Models = filepath.Join(p.Data, "models")
	p.KV = filepath.Join(p.Cache, "kv")
	p.Log = filepath.Join(p.State, "log")
	return p
}

// File is the path of config.toml.
func (p Places) File() string { return filepath.Join(p.Config, "config.toml") }
