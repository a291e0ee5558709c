package config

import (
	"path/filepath"
	"sync"

	"github.com/adrg/xdg"
)

// Places are the folders that bise reads and writes, none of which need exist.
type Places struct {
	Config  string // config.toml is here
	Data    string // what must not be lost: conversations
	Models  string // installed models
	Cache   string // what can be made again
	KV      string // state of conversations, under Cache
	State   string // what is kept between runs and may be lost
	Log     string // log files, under State
	Runtime string // sockets; gone with the session
}

// xdgMu guards the variables of package xdg, which Reload writes.
var xdgMu sync.Mutex

// Find gives the places that the XDG variables name at this moment, or the
// system's usual ones.
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
