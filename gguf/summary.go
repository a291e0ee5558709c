package gguf

// A Summary describes a model and its requirements, from its header.
type Summary struct {
	Architecture string // general.architecture: llama, mamba2, …; "clip" for a projector
	Name         string
	FileType     string // "Q4_K_M"; of unnamed mixes the type that has most bytes
	Parameters   int64
	Weights      int64 // bytes of tensors
	Context      int   // tokens the model was trained on
	Blocks       int   // layers
	Width        int   // components of a token's embedding
	Vocabulary   int   // tokens
	Heads        []int // of attention, a layer each
	KVHeads      []int // of keys and values, a layer each; 0 in layers without attention
	KeyWidth     int   // components of a key of one head
	ValueWidth   int
	Experts      int // 0: one feed-forward network for all tokens
	ExpertsUsed  int // by one token
	Window       int // tokens that attention looks back on where it is bounded; 0: all
	// StateFloats is how many float32 a layer without attention (Mamba) keeps of
	// a conversation, whatever its length.
	StateFloats int64
	Pooling     int // of the vectors of a text's tokens, as llama.cpp numbers it; 0: none
}

// Embeds reports whether the model makes one vector of a text. A model that ranks texts, whose
// pooling is 4, makes a number instead.
func (s Summary) Embeds() bool { return 1 <= s.Pooling && s.Pooling <= 3 }

// Summary reads the metadata's facts. What they do not say is zero.
func (f *File) Summary() Summary {
	m := &f.Metadata
	s := Summary{}
	s.Architecture, _ = m.String("general.architecture")
	s.Name, _ = m.String("general.name")
	bytes := map[Type]int64{}
	for _, t := range f.Tensors {
		s.Parameters += t.Elements()
		s.Weights += t.Size()
		bytes[t.Type] += t.Size()
	}
	if ft, ok := m.Uint("general.file_type"); ok && ft < 1<<32 {
		s.FileType = FileType(ft).String()
	}
	if s.FileType == "" {
		var most Type
		for t, n := range bytes {
			if n > bytes[most] || n == bytes[most] && t < most {
				most = t
			}
		}
		if len(bytes) > 0 {
			s.FileType = most.String()
		}
	}
	s.Context = f.count("context_length")
	s.Blocks = f.count("block_count")
	s.Width = f.count("embedding_length")
	s.Experts = f.count("expert_count")
	s.ExpertsUsed = f.count("expert_used_count")
	s.Window = f.count("attention.sliding_window")
	s.Pooling = f.count("pooling_type")
	s.Vocabulary = f.count("vocab_size")
	if n, ok := m.Count("tokenizer.ggml.tokens"); ok {
		s.Vocabulary = n
	}
	s.attention(f)
	s.state(f)
	return s
}

// attention follows load_hparams of llama-model.cpp: key-value heads default to
// heads, and a head's width to the model's divided by the first layer's heads.
func (s *Summary) attention(f *File) {
	if s.Blocks > maxBlocks {
		return // no such model: do not make lists for it
	}
	s.Heads = f.perLayer("attention.head_count", s.Blocks)
	s.KVHeads = f.perLayer("attention.head_count_kv", s.Blocks)
	if s.KVHeads == nil {
		s.KVHeads = s.Heads
	}
	if len(s.Heads) == 0 || s.Heads[0] == 0 {
		return
	}
	s.KeyWidth, s.ValueWidth = s.Width/s.Heads[0], s.Width/s.Heads[0]
	if n := f.count("attention.key_length"); n > 0 {
		s.KeyWidth = n
	}
	if n := f.count("attention.value_length"); n > 0 {
		s.ValueWidth = n
	}
}

// maxBlocks is LLAMA_MAX_LAYERS of llama-hparams.h.
const maxBlocks = 512

// state follows n_embd_r and n_embd_s of llama-hparams.cpp: the last inputs of
// the convolution, and the state itself.
func (s *Summary) state(f *File) {
	inner, width := int64(f.count("ssm.inner_size")), int64(f.count("ssm.state_size"))
	groups := int64(f.count("ssm.group_count"))
	kernel := int64(f.count("ssm.conv_kernel"))
	if inner == 0 {
		return
	}
	s.StateFloats = max(0, kernel-1)*(inner+2*groups*width) + width*inner
}

// KVBytes is how many bytes of keys and values every token of a conversation
// takes, when they are stored as these types. It counts each token in each
// layer; models whose attention is bounded may take less.
func (s Summary) KVBytes(keys, values Type) int64 {
	var n int64
	for _, heads := range s.KVHeads {
		n += rowBytes(keys, heads*s.KeyWidth) + rowBytes(values, heads*s.ValueWidth)
	}
	return n
}

// StateBytes is how many bytes a conversation takes whatever its length: what
// layers without attention remember.
func (s Summary) StateBytes() int64 {
	layers := int64(s.Blocks)
	for _, heads := range s.KVHeads {
		if heads > 0 {
			layers--
		}
	}
	return layers * s.StateFloats * 4
}

func rowBytes(t Type, elements int) int64 {
	block, bytes := t.Block()
	if block == 0 {
		return 0
	}
	return (int64(elements) + int64(block) - 1) / int64(block) * int64(bytes)
}

// count is an integer of the architecture's keys; 0 if it is missing or out of range.
func (f *File) count(key string) int {
	arch, _ := f.Metadata.String("general.architecture")
	n, ok := f.Metadata.Uint(arch + "." + key)
	if !ok || n > maxCount {
		return 0
	}
	return int(n)
}

const maxCount = 1 << 31

// perLayer is a list of one integer a layer, which the metadata may have as one
// for all. Nil when the key is not there.
func (f *File) perLayer(key string, layers int) []int {
	arch, _ := f.Metadata.String("general.architecture")
	ints, ok := f.Metadata.Ints(arch + "." + key)
	if !ok || len(ints) == 0 {
		return nil
	}
	list := make([]int, layers)
	for i := range list {
		if n := ints[min(i, len(ints)-1)]; n >= 0 && n <= maxCount {
			list[i] = int(n)
		}
	}
	return list
}
