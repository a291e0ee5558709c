// Package caches finds weights that other programs have fetched to this machine:
// in the Hugging Face Hub's cache, which many programs share, in Ollama's folder
// and in LM Studio's. It reads those folders and never writes to them.
package caches

import (
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
	Projector Role = "projector" // GGUF of the vision tower
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
	Revision string // of Hugging Face: the commit
	Files    []File
	Modified time.Time // of the first file
}
