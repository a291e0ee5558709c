package llama

import "time"

// InputsOptions configure [Engine.Inputs].
type InputsOptions struct {
	Context int  // tokens of a piece; 0: 512
	Pieces  int  // at most; 0: the whole text
	Output  bool // look at output.weight too, which is best quantized without a matrix
}

// Inputs are what went into the matrices of a model.
type Inputs struct {
	Tensors []TensorInputs // sorted by name
	Pieces  int            // of text that were read
	Context int            // tokens of each
}

// TensorInputs are what went into one matrix, or into those of all experts.
type TensorInputs struct {
	Name   string
	Sums   []float64 // of squares, of each column; experts one after the other
	Counts []int64   // of tokens: one, or one an expert
}

// PerplexityOptions configure [Engine.Perplexity].
type PerplexityOptions struct {
	Context int // tokens of a window; 0: 512
	Windows int // at most; 0: the whole text
}

// A Perplexity is the exponential of the mean negative log-likelihood of a text's tokens.
type Perplexity struct {
	Perplexity float64     `json:"perplexity"`
	Error      float64     `json:"error"` // standard error of Perplexity
	Tokens     int         `json:"tokens"`
	Windows    int         `json:"windows"`
	Context    int         `json:"context"`
	Divergence *Divergence `json:"divergence,omitempty"` // from another model
}

// A Divergence is how far a model's probabilities are from another's, the base.
// Errors are standard errors.
type Divergence struct {
	BasePerplexity float64 `json:"base_perplexity"`
	BaseError      float64 `json:"base_error"`
	// LogRatio is the logarithm of the perplexity over the base's.
	LogRatio      float64 `json:"log_perplexity_ratio"`
	LogRatioError float64 `json:"log_perplexity_ratio_error"`
	// KL is the mean Kullback-Leibler divergence from the base, in nats a token.
	KL       float64 `json:"kl"`
	KLError  float64 `json:"kl_error"`
	KLMedian float64 `json:"kl_median"`
	KL99     float64 `json:"kl_99"` // of the worst hundredth of tokens the least
	KLMax    float64 `json:"kl_max"`
	// SameTop is the share of tokens where both think the same one likeliest.
	SameTop      float64 `json:"same_top"`
	SameTopError float64 `json:"same_top_error"`
	// RMSDelta is by how much the probability of the text's token changes, as
	// root mean square.
	RMSDelta float64 `json:"rms_delta_p"`
}

// A Device is a processor that models can be computed on.
type Device struct {
	Name        string `json:"name"` // CPU, CUDA0, Metal, …
	Description string `json:"description"`
	GPU         bool   `json:"gpu"`
	Free        int64  `json:"free_bytes"`
	Total       int64  `json:"total_bytes"`
}

// A BareLoop is the speed of llama.cpp in a plain loop, the reference for an engine's
// speed.
type BareLoop struct {
	Prefill time.Duration // of the whole prompt
	Decode  time.Duration // of the tokens after the first
}

// A StateCost is the time and the size of saving and restoring a conversation.
type StateCost struct {
	Bytes         int
	Save, Restore time.Duration // in memory; the disk comes on top
}
