package gguf

import (
	"slices"
	"strings"
)

// Check finds what a file that can be read may still have wrong so that
// llama.cpp would abort on it, or read past the end of a list, instead of
// refusing it. It goes through the vocabulary and takes some milliseconds.
func (f *File) Check() error {
	arch, ok := f.Metadata.String("general.architecture")
	if !ok {
		return malformed("it does not say what architecture it is of")
	}
	if err := f.checkVocabulary(); err != nil {
		return err
	}
	if err := f.checkExperts(); err != nil {
		return err
	}
	if err := f.checkLatent(arch); err != nil {
		return err
	}
	scaling := arch + ".rope.scaling.type"
	if s, ok := f.Metadata.String(scaling); ok && !slices.Contains([]string{"none", "linear", "yarn", "longrope"}, s) {
		return malformed("%s is the unknown %.20q", scaling, s)
	}
	return nil
}

// checkVocabulary follows llama_vocab::impl::load of llama-vocab.cpp.
func (f *File) checkVocabulary() error {
	const prefix = "tokenizer.ggml."
	model, ok := f.Metadata.String(prefix + "model")
	if !ok || model == "none" || model == "no_vocab" {
		return nil
	}
	tokens, ok := f.Metadata.Strings(prefix + "tokens")
	if !ok {
		return malformed("it has no vocabulary: %stokens is missing", prefix)
	}
	// llama.cpp takes both lists for four bytes a token, whatever they are: it
	// writes the scores of some vocabularies as integers itself.
	for _, key := range []string{"scores", "token_type"} {
		v, ok := f.Metadata.Value(prefix + key)
		switch {
		case !ok:
		case v.kind != Array || v.elem.size() == 0:
			return malformed("%s%s is not an array of numbers", prefix, key)
		case len(v.raw) < 4*len(tokens):
			return malformed("%s%s has %d entries of type %v for %d tokens", prefix, key, v.n, v.elem, len(tokens))
		}
	}
	if v, ok := f.Metadata.Value(prefix + "merges"); ok && (v.kind != Array || v.elem != String) {
		return malformed("%smerges is not an array of strings", prefix)
	}
	seen := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		t, _, _ = strings.Cut(t, "\x00") // C sees no more of it
		if t != "" && seen[t] {
			return malformed("the token %.40q is in the vocabulary twice", t)
		}
		seen[t] = true
	}
	return nil
}

// checkExperts follows load_hparams of llama-model.cpp.
func (f *File) checkExperts() error {
	const max = 512 // LLAMA_MAX_EXPERTS
	all, used := f.count("expert_count"), f.count("expert_used_count")
	switch {
	case all > max:
		return malformed("it has %d experts, and %d are allowed", all, max)
	case used > all, all > 0 && used == 0:
		return malformed("it uses %d of %d experts", used, all)
	}
	groups, usedGroups := f.count("expert_group_count"), f.count("expert_group_used_count")
	if groups > 0 && (groups >= all || groups > 1 && (all%groups != 0 || usedGroups == 0 || usedGroups >= groups)) {
		return malformed("it uses %d of %d groups of %d experts", usedGroups, groups, all)
	}
	return nil
}

// checkLatent follows llm_build_deepseek2 of models/deepseek2.cpp: multi-head latent attention.
// Its graph is built, and asserts, only after the weights are loaded.
func (f *File) checkLatent(arch string) error {
	if arch != "deepseek2" {
		return nil
	}
	scale, _ := f.Metadata.Float(arch + ".attention.temperature_scale")
	if scale != 0 && f.count("attention.temperature_length") == 0 {
		return malformed("it scales attention by position and does not say from which: %s.attention.temperature_length is missing", arch)
	}
	rope, key := f.count("rope.dimension_count"), f.count("attention.key_length")
	rank, mla := f.count("attention.kv_lora_rank"), f.count("attention.key_length_mla")
	value, valueMLA := f.count("attention.value_length"), f.count("attention.value_length_mla")
	switch {
	case (mla == 0) != (valueMLA == 0):
		return malformed("it has one of %s.attention.key_length_mla and value_length_mla", arch)
	case mla == 0 && rope >= key, mla > 0 && rope >= mla:
		return malformed("its heads have %d components, all of them with RoPE", max(mla, key))
	case mla > 0 && (key != rank+rope || value != rank):
		return malformed("it caches %d and %d numbers of a token, and its attention reads %d and %d", key, value, rank+rope, rank)
	case mla > 0 && slices.ContainsFunc(f.perLayer("attention.head_count_kv", min(maxBlocks, f.count("block_count"))), func(n int) bool { return n != 1 }):
		return malformed("it has latent attention with more than one key-value head")
	}
	return nil
}
