// Package engine is the contract between what bise can do and what runs a model.
//
// An [Engine] has one model. It may be called from any number of goroutines at
// once; what it does with them (one after the other, or together in one batch)
// is up to the engine. Package engine/llama keeps the contract with llama.cpp in
// this process, engine/worker with a child process, engine/remote over HTTP and
// engine/enginetest with a script, and enginetest.Run checks all of them.
//
// Requests carry La Plateforme's field names and JSON tags, so that a request
// read from HTTP, one written by a mode and one sent to another server are the
// same value.
package engine

import (
	"context"
	"iter"
)

// An Engine generates text with one model.
//
// Chat and Complete return a sequence of events that ends after [Done] or after
// the first error. Ranging over it twice runs the request twice. Leaving the
// loop early, or cancelling the context, stops the generation within one batch;
// the sequence then ends with context.Cause(ctx) unless the caller has left it.
//
// Errors a caller can act on are of type [*Error].
type Engine interface {
	// Info describes the model. It does not block on loading: what is not known
	// yet is zero.
	Info() Info
	// Chat answers a conversation.
	Chat(context.Context, ChatRequest) iter.Seq2[Event, error]
	// Complete continues a text, or writes the text between Prompt and Suffix.
	Complete(context.Context, CompletionRequest) iter.Seq2[Event, error]
	// Embed turns texts into vectors.
	Embed(context.Context, EmbedRequest) (Embeddings, error)
	// Tokenize gives the token ids of a text or of a whole request.
	Tokenize(context.Context, TokenizeRequest) (Tokens, error)
	// Close waits for what is being written, then frees the model. An engine
	// that is closed answers every call with an error of kind Closed.
	Close() error
}

// Info describes a model and how the engine loaded it.
type Info struct {
	Model         string       `json:"model"`                    // the name it was opened by
	Path          string       `json:"path,omitempty"`           // the file, where there is one
	Fingerprint   string       `json:"fingerprint,omitempty"`    // of the model file (gguf.Fingerprint)
	Architecture  string       `json:"architecture,omitempty"`   // general.architecture: llama, mamba2, …
	Quantization  string       `json:"quantization,omitempty"`   // Q4_K_M, F16, …
	PromptVersion string       `json:"prompt_version,omitempty"` // v1 … v15, "template" for a chat template, "" for a model without chat
	Parameters    int64        `json:"parameters,omitempty"`
	Size          int64        `json:"size,omitempty"`           // bytes of weights
	Vocabulary    int          `json:"vocabulary,omitempty"`     // tokens
	BOS           string       `json:"bos_token,omitempty"`      // names of the first token of prompts
	EOS           string       `json:"eos_token,omitempty"`      // and of the one that ends answers
	ChatTemplate  string       `json:"chat_template,omitempty"`  // of the file, whether it is used or not
	EmbeddingSize int          `json:"embedding_size,omitempty"` // components of a vector
	ContextLength int          `json:"context_length,omitempty"` // tokens that a request can have at most here
	ContextTrain  int          `json:"context_train,omitempty"`  // tokens the model was trained on
	ContextNow    int          `json:"context_now,omitempty"`    // tokens that fit before the context has to grow
	ContextUsed   int          `json:"context_used,omitempty"`   // tokens held at this moment, by all conversations
	GPULayers     int          `json:"gpu_layers,omitempty"`
	Devices       []string     `json:"devices,omitempty"` // "CPU (icelake)", "CUDA0: NVIDIA H100", …
	Engine        string       `json:"engine,omitempty"`  // "llama-server b11434"; "": the engine in bise
	Can           Capabilities `json:"capabilities"`
	// Efforts are the values of a request's reasoning effort that the model knows, its default
	// first; others are mapped to the nearest. Empty: it has no such setting, or it is not known.
	Efforts []string `json:"reasoning_efforts,omitempty"`
}

// Capabilities are what a model can be asked for, read from its weights and
// vocabulary.
type Capabilities struct {
	Chat     bool `json:"chat"`
	FIM      bool `json:"fim"`
	Vision   bool `json:"vision"`
	Audio    bool `json:"audio"`
	Tools    bool `json:"tools"`
	Embed    bool `json:"embed"`
	Thinking bool `json:"thinking"`
}

// LoadOptions configure how a local engine loads a model. The zero value leaves every
// choice to the engine.
type LoadOptions struct {
	Context     int       `json:"context,omitempty"`      // tokens at most; 0: as far as the model and memory go
	GPULayers   *int      `json:"gpu_layers,omitempty"`   // nil: as many as fit
	KVType      string    `json:"kv_type,omitempty"`      // f32, f16 (default), bf16, q8_0, q4_0
	FlashAttn   *bool     `json:"flash_attn,omitempty"`   // nil: llama.cpp decides
	Threads     int       `json:"threads,omitempty"`      // 0: the physical cores
	Batch       int       `json:"batch,omitempty"`        // tokens evaluated at once; 0: 512
	Slots       int       `json:"slots,omitempty"`        // sequences held at once; 0: 16
	NoMmap      bool      `json:"no_mmap,omitempty"`      // read the weights instead of mapping them
	Adapters    []Adapter `json:"adapters,omitempty"`     // LoRA
	Projector   string    `json:"projector,omitempty"`    // mmproj GGUF of a vision model
	StateDir    string    `json:"state_dir,omitempty"`    // where idle conversations' KV goes; "": nowhere
	StateBytes  int64     `json:"state_bytes,omitempty"`  // bound of that folder; 0: 4 GB
	BackendDirs []string  `json:"backend_dirs,omitempty"` // where to look for ggml's backends first

	// LlamaServer is the llama-server that runs the model; "": the engine in bise.
	LlamaServer string   `json:"llama_server,omitempty"`
	RPC         []string `json:"rpc,omitempty"` // other machines that llama-server uses: host:port of their rpc-server
}

// An Adapter is a LoRA adapter file (GGUF) and its strength.
type Adapter struct {
	Path  string  `json:"path"`
	Scale float32 `json:"scale"` // 1 is what it was trained for
}
