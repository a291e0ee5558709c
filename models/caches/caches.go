// Package caches finds weights that other programs have fetched to this machine:
// in the Hugging Face Hub's cache, which many programs share, in Ollama's folder
// and in LM Studio's. It reads those folders and never writes to them.
//
// What it says of a file's hash is what the program says, by the file's name.
package caches

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A Program is one that keeps weights.
type Program string

const (
	HuggingFace Program = "Hugging Face"
	Ollama      Program = "Ollama"
	LMStudio    Program = "LM Studio"
)

// A Cache is the folder in which a program keeps weights.
type Cache struct {
	Program Program
	Dir     string
}

// A Role is what a file is to its model.
type Role string

const (
	Weights   Role = "model"     // GGUF; several are the parts of one split file
	Projector Role = "projector" // GGUF of the vision encoder
	Adapter   Role = "adapter"   // GGUF of a LoRA
	Terms     Role = "licence"   // text
)

// A File is one of a model's files.
type File struct {
	Path string
	Size int64 // bytes
	Role Role
	// SHA256 is what the program says that the file's hash is: 64 hexadecimal
	// digits, or "". It is a name, not a proof.
	SHA256 string
}

// A Model is weights that could be opened.
type Model struct {
	Program  Program
	Name     string // short: the file's name without .gguf, or Ollama's name:tag
	Ref      string // long: hf:owner/repo:file.gguf, ollama:name:tag, lmstudio:owner/repo/file.gguf
	Files    []File // the weights' first part first
	Missing  int    // parts of a split file that are not there
	Modified time.Time
}

// Detect are the caches that programs use on this machine, those that exist.
func Detect() []Cache {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return detect(os.Getenv, home)
}

// detect follows the programs' own variables and defaults: huggingface_hub's
// constants.py, Ollama's envconfig, LM Studio's documentation.
func detect(env func(string) string, home string) []Cache {
	under := func(base string, elem ...string) string {
		if base == "" {
			return ""
		}
		return filepath.Join(append([]string{base}, elem...)...)
	}
	first := func(dirs ...string) string {
		for _, dir := range dirs {
			if dir != "" {
				return dir
			}
		}
		return ""
	}
	caches := []Cache{
		{HuggingFace, first(
			env("HF_HUB_CACHE"), env("HUGGINGFACE_HUB_CACHE"), under(env("HF_HOME"), "hub"),
			under(env("XDG_CACHE_HOME"), "huggingface", "hub"), under(home, ".cache", "huggingface", "hub"),
		)},
	}
	if dir := env("OLLAMA_MODELS"); dir != "" {
		caches = append(caches, Cache{Ollama, dir})
	} else {
		// The second is that of the service on Linux.
		caches = append(caches, Cache{Ollama, under(home, ".ollama", "models")}, Cache{Ollama, "/usr/share/ollama/.ollama/models"})
	}
	caches = append(caches, Cache{LMStudio, under(home, ".lmstudio", "models")}, Cache{LMStudio, under(home, ".cache", "lm-studio", "models")})
	var there []Cache
	for _, c := range caches {
		if c.Dir == "" {
			continue
		}
		if _, err := os.Stat(c.Dir); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, c)
		}
	}
	return there
}

// maxEntries is how many files and folders of a cache are looked at.
const maxEntries = 100_000

// A scan looks at a cache and stops when that becomes too much.
type scan struct {
	left  int  // entries
	links bool // to folders are followed
}

// read lists a folder; what cannot be read is empty.
func (s *scan) read(dir string) []os.DirEntry {
	if s.left <= 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	entries = entries[:min(len(entries), s.left)]
	s.left -= len(entries)
	return entries
}

// readBounded reads a regular file of at most a number of bytes.
func readBounded(path string, most int64) ([]byte, error) {
	// Opening a pipe would block.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// Models gives the models in the cache. What is incomplete is left out. An error
// says that the cache cannot be read.
func (c Cache) Models() ([]Model, error) {
	f, err := os.Open(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("look for models of %s: %w", c.Program, err)
	}
	f.Close()
	s := &scan{left: maxEntries, links: c.Program == LMStudio} // its users put models on other disks
	var list []Model
	switch c.Program {
	case HuggingFace:
		list = s.hub(c.Dir)
	case Ollama:
		list = s.ollama(c.Dir)
	case LMStudio:
		list = s.studio(c.Dir)
	}
	for i := range list {
		list[i].Program = c.Program
	}
	return list, nil
}
