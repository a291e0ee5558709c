// Package caches finds models that other programs have downloaded: in the Hugging Face
// Hub's cache, which many programs share, in Ollama's folder and in LM Studio's. It never
// writes to those folders. Hashes are from the names of files and are not verified.
package caches

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Program is a program that downloads models.
type Program string

const (
	HuggingFace Program = "Hugging Face"
	Ollama      Program = "Ollama"
	LMStudio    Program = "LM Studio"
)

// A Cache is the folder of a program's models.
type Cache struct {
	Program Program
	Dir     string
}

// A Role is the purpose of a file.
type Role string

const (
	Weights   Role = "model"     // GGUF, or the parts of a split one
	Projector Role = "projector" // GGUF of the vision encoder
	Adapter   Role = "adapter"   // GGUF of a LoRA
	Terms     Role = "licence"   // text
)

// A File is one of a model's files.
type File struct {
	Path string
	Size int64 // bytes
	Role Role
	// SHA256 is the hash that the program recorded: 64 hexadecimal digits, or "".
	SHA256 string
}

// A Model is a downloaded model.
type Model struct {
	Program  Program
	Name     string // short: the file's name without .gguf, or Ollama's name:tag
	Ref      string // long: hf:owner/repo:file.gguf, ollama:name:tag, lmstudio:owner/repo/file.gguf
	Files    []File // the weights first, in the order of their parts
	Missing  int    // number of missing parts
	Modified time.Time
}

// Detect returns the caches on this machine.
func Detect() []Cache {
	home, _ := os.UserHomeDir()
	return detect(os.Getenv, home)
}

// detect follows the programs' environment variables and defaults: constants.py of
// huggingface_hub, envconfig of Ollama, LM Studio's documentation.
func detect(env func(string) string, home string) []Cache {
	under := func(base string, elem ...string) string {
		if base == "" {
			return ""
		}
		return filepath.Join(append([]string{base}, elem...)...)
	}
	caches := []Cache{
		{HuggingFace, cmp.Or(
			env("HF_HUB_CACHE"), env("HUGGINGFACE_HUB_CACHE"), under(env("HF_HOME"), "hub"),
			under(env("XDG_CACHE_HOME"), "huggingface", "hub"), under(home, ".cache", "huggingface", "hub"),
		)},
	}
	if dir := env("OLLAMA_MODELS"); dir != "" {
		caches = append(caches, Cache{Ollama, dir})
	} else {
		// The second is the folder of the service on Linux.
		caches = append(caches, Cache{Ollama, under(home, ".ollama", "models")}, Cache{Ollama, "/usr/share/ollama/.ollama/models"})
	}
	caches = append(caches, Cache{LMStudio, under(home, ".lmstudio", "models")}, Cache{LMStudio, under(home, ".cache", "lm-studio", "models")})
	return slices.DeleteFunc(caches, func(c Cache) bool {
		_, err := os.Stat(c.Dir)
		return c.Dir == "" || errors.Is(err, fs.ErrNotExist)
	})
}

// maxEntries limits how many files and folders of a cache are read.
const maxEntries = 100_000

// A scan reads a cache up to a number of entries.
type scan struct {
	left  int  // entries
	links bool // whether links to folders are followed
}

// read lists a folder; a folder that cannot be read is empty.
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

// Models returns the complete models in the cache. The error says that it cannot be read.
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
