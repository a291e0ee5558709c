package convert

import (
	"cmp"
	"encoding/json"
)

// nativeConfig is params.json of Mistral's layout. Null and missing values are the same.
type nativeConfig struct {
	Type      string          `json:"model_type"` // "mamba", else nothing
	Width     *float64        `json:"dim"`
	Layers    *float64        `json:"n_layers"`
	Heads     *float64        `json:"n_heads"`
	KVHeads   *float64        `json:"n_kv_heads"`
	HeadWidth *float64        `json:"head_dim"`
	Hidden    *float64        `json:"hidden_dim"`
	Eps       *float64        `json:"norm_eps"`
	Vocab     *float64        `json:"vocab_size"`
	Theta     *float64        `json:"rope_theta"`
	Window    json.RawMessage `json:"sliding_window"`
	Windows   json.RawMessage `json:"_sliding_window"`
	Context   *float64        `json:"max_position_embeddings"`
	Sequence  *float64        `json:"max_seq_len"`
	Tied      *bool           `json:"tied_embeddings"`

	Experts *struct {
		All    *float64 `json:"num_experts"`
		Used   *float64 `json:"num_experts_per_tok"`
		Hidden *float64 `json:"expert_hidden_dim"`
		Shared *float64 `json:"num_shared_experts"`
		Dense  *float64 `json:"first_k_dense_replace"`
		Every  *float64 `json:"route_every_n"`
		Groups *float64 `json:"num_expert_groups"`
		Scale  *float64 `json:"routed_scale"`
	} `json:"moe"`
	Yarn *struct {
		Factor   *float64 `json:"factor"`
		Original *float64 `json:"original_max_position_embeddings"`
		Alpha    *float64 `json:"alpha"` // beta_slow elsewhere
		Beta     *float64 `json:"beta"`  // beta_fast
		Scale    bool     `json:"apply_scale"`
	} `json:"yarn"`
	Temperature *struct {
		Beta     *float64 `json:"beta"`
		Original *float64 `json:"original_max_position_embeddings"`
	} `json:"llama_4_scaling"`

	// Of latent attention: Large 3 and Small 4.
	QueryRank  *float64 `json:"q_lora_rank"`
	Rank       *float64 `json:"kv_lora_rank"`
	Plain      *float64 `json:"qk_nope_head_dim"`
	Rotated    *float64 `json:"qk_rope_head_dim"`
	ValueWidth *float64 `json:"v_head_dim"`
	// Multimodal has the Voxtrals' encoder.
	Multimodal *struct {
		Whisper *struct {
			Encoder struct {
				Audio struct {
					Rate      *float64 `json:"sampling_rate"`
					Bins      *float64 `json:"num_mel_bins"`
					Hop       *float64 `json:"hop_length"`
					Window    *float64 `json:"window_size"`
					Positions *float64 `json:"max_source_positions"`
				} `json:"audio_encoding_args"`
				Width     *float64 `json:"dim"`
				Layers    *float64 `json:"n_layers"`
				Hidden    *float64 `json:"hidden_dim"`
				Heads     *float64 `json:"n_heads"`
				Positions *float64 `json:"max_source_positions"`
				Causal    bool     `json:"causal"`
			} `json:"encoder_args"`
			Downsample struct {
				Factor *float64 `json:"downsample_factor"`
			} `json:"downsample_args"`
		} `json:"whisper_model_args"`
	} `json:"multimodal"`

	// Of Mamba.
	Groups    *float64 `json:"n_groups"`
	TiedMamba *bool    `json:"tie_embeddings"`
	Multiple  *float64 `json:"pad_vocab_size_multiple"`

	Vision *struct {
		Width    *float64 `json:"hidden_size"`
		Channels *float64 `json:"num_channels"`
		Side     *float64 `json:"image_size"`
		MaxSide  *float64 `json:"max_image_size"`
		Patch    *float64 `json:"patch_size"`
		Theta    *float64 `json:"rope_theta"`
		Hidden   *float64 `json:"intermediate_size"`
		Layers   *float64 `json:"num_hidden_layers"`
		Heads    *float64 `json:"num_attention_heads"`
		Bias     *bool    `json:"adapter_bias"`
		Merge    *float64 `json:"spatial_merge_size"`
		Norm     bool     `json:"add_pre_mm_projector_layer_norm"`
		Join     string   `json:"mm_projector_id"`
	} `json:"vision_encoder"`
}

func parseNative(file string, data []byte) (*model, error) {
	var c nativeConfig
	if err := decodeConfig(file, data, &c); err != nil {
		return nil, err
	}
	if c.Multimodal != nil && (c.Multimodal.Whisper == nil || c.Multimodal.Whisper.Encoder.Causal) {
		return nil, unsupported(file, "has an audio encoder that is not Voxtral's, which cannot be converted")
	}
	r := &reader{file: file}
	m := &model{
		file: file, class: file, arch: "llama",
		width:  r.count("dim", c.Width, 0),
		layers: r.count("n_layers", c.Layers, 0),
		vocab:  r.count("vocab_size", c.Vocab, 0),
		eps:    r.positive("norm_eps", c.Eps, 1e-5),
		tied:   c.Tied,
	}
	switch {
	case c.Type == "mamba":
		m.mamba, m.arch, m.tied = true, "mamba2", c.TiedMamba
		m.groups = r.count("n_groups", c.Groups, 8)
		// The number of embeddings is rounded up.
		if n := r.count("pad_vocab_size_multiple", c.Multiple, 1); n > 1 {
			m.vocab, m.padded = (m.vocab+n-1)/n*n, n-1
		}
	case c.Type != "":
		return nil, unsupported(file, "has unsupported model type %q", c.Type)
	default:
		m.nativeText(r, &c)
		m.nativeVision(r, &c)
		m.nativeAudio(r, &c)
	}
	m.check(r)
	return m, r.err
}

func (m *model) nativeText(r *reader, c *nativeConfig) {
	m.heads = r.count("n_heads", c.Heads, 0)
	m.kvHeads = r.count("n_kv_heads", c.KVHeads, m.heads)
	m.headWidth = r.count("head_dim", c.HeadWidth, max(1, m.width/m.heads))
	m.hidden = r.count("hidden_dim", c.Hidden, 0)
	window := c.Window
	if len(window) == 0 {
		window = c.Windows
	}
	m.slidingWindow(window)
	// The default is 1e6, except for the first model, which is recognized by its window.
	theta := 1e6
	var one float64
	if json.Unmarshal(window, &one) == nil && one > 0 {
		theta = 1e4
	}
	m.theta = r.positive("rope_theta", c.Theta, theta)
	if v := cmp.Or(c.Context, c.Sequence); v != nil {
		m.context = r.count("context length", v, 0)
	}
	if c.Experts != nil {
		m.experts = r.count("moe.num_experts", c.Experts.All, 0)
		m.used = r.count("moe.num_experts_per_tok", c.Experts.Used, 0)
	}
	if c.Rank != nil {
		m.nativeLatent(r, c)
	}
	if y := c.Yarn; y != nil {
		m.yarn = &yarn{
			factor:   r.positive("yarn.factor", y.Factor, 0),
			original: r.count("yarn.original_max_position_embeddings", y.Original, 0),
			betaFast: r.positive("yarn.beta", y.Beta, 32),
			betaSlow: r.positive("yarn.alpha", y.Alpha, 1),
		}
		if y.Scale == (m.latent != nil) {
			m.yarn.logMultiplier = 1
		}
	}
	if t := c.Temperature; t != nil {
		m.temperature = r.positive("llama_4_scaling.beta", t.Beta, 0)
		m.temperatureFrom = r.count("llama_4_scaling.original_max_position_embeddings", t.Original, 0)
	}
}

func (m *model) nativeLatent(r *reader, c *nativeConfig) {
	m.latent = &latent{
		queryRank: r.count("q_lora_rank", c.QueryRank, 0),
		rank:      r.count("kv_lora_rank", c.Rank, 0),
		plain:     r.count("qk_nope_head_dim", c.Plain, 0),
		rotated:   r.count("qk_rope_head_dim", c.Rotated, 0),
		value:     r.count("v_head_dim", c.ValueWidth, 0),
	}
	m.mixture = &mixture{scale: 1, norm: true}
	x := c.Experts
	if x == nil {
		return // check refuses it
	}
	m.mixture.hidden = r.count("moe.expert_hidden_dim", x.Hidden, 0)
	m.mixture.shared = r.countOrZero("moe.num_shared_experts", x.Shared)
	m.mixture.dense = r.countOrZero("moe.first_k_dense_replace", x.Dense)
	m.mixture.scale = r.positive("moe.routed_scale", x.Scale, 1)
	if x.Every != nil && *x.Every != 1 || x.Groups != nil && *x.Groups > 1 {
		r.fail("has experts in every %v layers and %v groups of them, and llama.cpp supports 1 and 1", value(x.Every), value(x.Groups))
	}
}

func value(v *float64) float64 {
	if v == nil {
		return 1
	}
	return *v
}

func (m *model) nativeVision(r *reader, c *nativeConfig) {
	v := c.Vision
	if v == nil {
		return
	}
	m.vision = &vision{
		layers:   r.count("num_hidden_layers of vision_encoder", v.Layers, 0),
		width:    r.count("hidden_size of vision_encoder", v.Width, 0),
		heads:    r.count("num_attention_heads of vision_encoder", v.Heads, 0),
		hidden:   r.count("intermediate_size of vision_encoder", v.Hidden, 0),
		patch:    r.count("patch_size of vision_encoder", v.Patch, 0),
		side:     r.count("image_size of vision_encoder", cmp.Or(v.MaxSide, v.Side), 0),
		channels: r.count("num_channels of vision_encoder", v.Channels, 3),
		theta:    r.positive("rope_theta of vision_encoder", v.Theta, 1e4),
		merge:    1,
		norm:     v.Norm,
		bias:     v.Bias,
	}
	switch {
	case v.Join == "patch_merge":
		m.vision.merge = r.count("spatial_merge_size of vision_encoder", v.Merge, 2)
	case v.Join != "" || v.Merge != nil && *v.Merge > 1:
		r.fail("has unknown mm_projector_id %q", v.Join)
	}
}

func (m *model) nativeAudio(r *reader, c *nativeConfig) {
	if c.Multimodal == nil {
		return
	}
	w := c.Multimodal.Whisper
	e, a := &w.Encoder, &w.Encoder.Audio
	for _, x := range []struct {
		key  string
		v    *float64
		want float64
	}{{"sampling_rate", a.Rate, 16000}, {"hop_length", a.Hop, 160}, {"window_size", a.Window, 400}} {
		if x.v != nil && *x.v != x.want {
			r.fail("has a %s of %v in its audio encoder, and llama.cpp supports only %v", x.key, *x.v, x.want)
		}
	}
	m.audio = &audio{
		layers:    r.count("n_layers of encoder_args", e.Layers, 0),
		width:     r.count("dim of encoder_args", e.Width, 0),
		heads:     r.count("n_heads of encoder_args", e.Heads, 0),
		hidden:    r.count("hidden_dim of encoder_args", e.Hidden, 0),
		bins:      r.count("num_mel_bins", a.Bins, 128),
		positions: r.count("max_source_positions", cmp.Or(a.Positions, e.Positions), 1500),
		stack:     r.count("downsample_factor", w.Downsample.Factor, 4),
	}
}
