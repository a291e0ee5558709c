package caches

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
)

const (
	ollamaHost      = "registry.ollama.ai"
	ollamaNamespace = "library"
	ollamaTag       = "latest"
	// ollamaLayer begins the media types of layers.
	ollamaLayer = "application/vnd.ollama.image."

	// Limits of a manifest.
	maxManifest = 4 << 20 // bytes
	maxLayers   = 4096
)

// ollamaPart matches a part of a model's name, or a host with its port: types/model/name.go
// of Ollama.
var ollamaPart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._:-]{0,349}$`)

var ollamaDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ollama reads Ollama's folder: manifests/HOST/NAMESPACE/MODEL/TAG name the files in
// blobs/sha256-HASH.
func (s *scan) ollama(dir string) []Model {
	var list []Model
	root := filepath.Join(dir, "manifests")
	for _, host := range s.read(root) {
		for _, namespace := range s.read(filepath.Join(root, host.Name())) {
			for _, model := range s.read(filepath.Join(root, host.Name(), namespace.Name())) {
				at := filepath.Join(root, host.Name(), namespace.Name(), model.Name())
				for _, tag := range s.read(at) {
					m, err := ollamaModel(dir, filepath.Join(at, tag.Name()))
					if err != nil {
						continue // incomplete, or not a model
					}
					if m.nameOllama(host.Name(), namespace.Name(), model.Name(), tag.Name()) {
						list = append(list, m)
					}
				}
			}
		}
	}
	return list
}

// nameOllama sets the name and the ref; it returns false if a part is invalid.
func (m *Model) nameOllama(host, namespace, model, tag string) bool {
	for _, p := range []string{host, namespace, model, tag} {
		if !ollamaPart.MatchString(p) {
			return false
		}
	}
	m.Name = model + ":" + tag
	if tag == ollamaTag {
		m.Name = model
	}
	switch {
	case host != ollamaHost:
		m.Ref = "ollama:" + host + "/" + namespace + "/" + m.Name
	case namespace != ollamaNamespace:
		m.Ref = "ollama:" + namespace + "/" + m.Name
	default:
		m.Ref = "ollama:" + m.Name
	}
	return true
}

func ollamaModel(dir, path string) (Model, error) {
	data, err := atomicfile.ReadFile(path, maxManifest)
	if err != nil {
		return Model{}, err
	}
	files, err := layers(data)
	if err != nil {
		return Model{}, err
	}
	m := Model{Files: files}
	for i := range m.Files {
		file := &m.Files[i]
		// Old versions use the second name.
		for _, name := range []string{"sha256-", "sha256:"} {
			at := filepath.Join(dir, "blobs", name+file.SHA256)
			if info, err := os.Stat(at); err == nil && info.Mode().IsRegular() && info.Size() == file.Size {
				file.Path, m.Modified = at, info.ModTime()
				break
			}
		}
		if file.Path == "" {
			return Model{}, errors.New("a file is missing")
		}
	}
	return m, nil
}

// layers returns the files of a manifest, without paths, the weights first.
func layers(data []byte) ([]File, error) {
	var manifest struct {
		Layers []struct {
			MediaType string `json:"mediaType"`
			Digest    string `json:"digest"`
			Size      int64  `json:"size"`
		} `json:"layers"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, err
	}
	if len(manifest.Layers) > maxLayers {
		return nil, errors.New("the manifest has too many layers")
	}
	var weights, others []File
	for _, l := range manifest.Layers {
		kind, _, _ := strings.Cut(l.MediaType, ";")
		kind, ok := strings.CutPrefix(strings.TrimSpace(kind), ollamaLayer)
		if !ok {
			continue
		}
		file := File{Size: l.Size, SHA256: strings.TrimPrefix(l.Digest, "sha256:")}
		switch kind {
		case "model":
			file.Role = Weights
		case "projector":
			file.Role = Projector
		case "adapter":
			file.Role = Adapter
		case "license":
			file.Role = Terms
		default: // template, params, … are not used
			continue
		}
		if !ollamaDigest.MatchString(l.Digest) || l.Size < 0 {
			return nil, errors.New("the manifest has an invalid layer")
		}
		if file.Role == Weights {
			weights = append(weights, file)
		} else {
			others = append(others, file)
		}
	}
	// Several could be parts or draft models.
	if len(weights) != 1 {
		return nil, errors.New("the manifest does not have one file of weights")
	}
	return append(weights, others...), nil
}
