package huggingface

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// A Layout is a layout of original weights.
type Layout string

const (
	HF     Layout = "hf"     // config.json and model*.safetensors
	Native Layout = "native" // params.json and consolidated*.safetensors, Mistral's
)

// layouts are in the order of preference.
var layouts = []struct {
	layout       Layout
	stem, config string
}{
	{HF, "model", "config.json"},
	{Native, "consolidated", "params.json"},
}

// companions are downloaded with weights: configuration, tokenizers, templates, README, licence.
var companions = []string{
	"README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "config.json", "generation_config.json", "params.json",
	"tekken.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"chat_template.jinja", "chat_template.json", "preprocessor_config.json", "processor_config.json", "SYSTEM_PROMPT.txt",
}

// A Source is the original weights of a model, for conversion.
type Source struct {
	Layout  Layout
	Weights []Entry // in order
	Rest    []Entry // configuration, tokenizer, licence
	// Left are the same weights in the other layout, which are not downloaded.
	Left []Entry
}

// Size is in bytes.
func (s Source) Size() int64 { return total(s.Weights) + total(s.Rest) }

// Source selects the original weights in one layout. It ignores an incomplete layout if
// there is another one.
func (r *Repo) Source(ctx context.Context) (Source, error) {
	var chosen Source
	var first error
	for _, l := range layouts {
		weights, err := r.weights(ctx, l.stem)
		if err == nil && len(weights) > 0 {
			if _, ok := r.Entry(l.config); !ok {
				err = r.missing(l.config+" is missing", incompleteAdvice)
			}
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return Source{}, err
		case err != nil && first == nil:
			first = err
		case err == nil && chosen.Layout != "":
			chosen.Left = append(chosen.Left, weights...)
		case err == nil && len(weights) > 0:
			chosen.Layout, chosen.Weights = l.layout, weights
		}
	}
	if chosen.Layout == "" {
		if first != nil {
			return Source{}, first
		}
		return Source{}, r.missing("it has no weights as safetensors", r.otherWeights())
	}
	for _, e := range r.Tree {
		if slices.Contains(companions, e.Path) || strings.HasPrefix(e.Path, "tokenizer.model") && !strings.Contains(e.Path, "/") {
			chosen.Rest = append(chosen.Rest, e)
		}
	}
	return chosen, nil
}

// otherWeights gives advice for a repository without safetensors.
func (r *Repo) otherWeights() string {
	if len(r.ggufs()) > 0 {
		return "It has GGUF files, which need no conversion."
	}
	for _, e := range r.Tree {
		if slices.Contains([]string{".bin", ".pt", ".pth", ".ckpt"}, path.Ext(e.Path)) {
			return "Its weights are pickle files, which may run code: look for a copy in safetensors or GGUF."
		}
	}
	return "Look for the model's weights in another repository."
}

// weights lists the files of a layout, which may be missing. An index decides, if there is one.
func (r *Repo) weights(ctx context.Context, stem string) ([]Entry, error) {
	if index, ok := r.Entry(stem + ".safetensors.index.json"); ok {
		return r.indexed(ctx, index)
	}
	var found []*set
	for _, s := range sets(r.Tree, ".safetensors") {
		if s.stem == stem {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0].files(), r.checkParts(found[0])
	}
	return nil, r.missing(fmt.Sprintf("it has %s.safetensors twice, and no index", stem), "Choose another repository.")
}

const maxIndex = 64 << 20 // bytes

// indexed lists the files of an index.
func (r *Repo) indexed(ctx context.Context, index Entry) ([]Entry, error) {
	data, err := r.Read(ctx, index, maxIndex)
	if err != nil {
		return nil, err
	}
	names, err := parseIndex(data)
	if err != nil {
		return nil, r.hub.protocolError(subject{repo: r.ID, path: index.Path}, err.Error(), err)
	}
	var files []Entry
	var missing []string
	for _, name := range names {
		e, ok := r.Entry(name)
		if !ok {
			missing = append(missing, fmt.Sprintf("%.100q", name))
			continue
		}
		files = append(files, e)
	}
	if len(missing) > 0 {
		const some = 3
		return nil, r.missing(fmt.Sprintf("files of %s are missing: %s", index.Path, strings.Join(missing[:min(some, len(missing))], ", ")), incompleteAdvice)
	}
	return files, r.checkSizes(files)
}

// parseIndex returns the files in the index of safetensors.
func parseIndex(data []byte) ([]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("invalid index: %w", err)
	}
	names := map[string]bool{}
	for _, name := range index.WeightMap {
		if !strings.HasSuffix(name, ".safetensors") {
			return nil, fmt.Errorf("the index names %.100q, which is not a safetensors file", name)
		}
		names[name] = true
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the index is empty")
	}
	return slices.Sorted(maps.Keys(names)), nil
}
