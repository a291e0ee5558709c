package convert

import (
	"cmp"
	"encoding/json"
)

// hfConfig is config.json of transformers. Null and missing values are the same.
type hfConfig struct {
	hfText
	Classes []string  `json:"architectures"`
	Text    *hfText   `json:"text_config"`
	Vision  *hfVision `json:"vision_config"`
	Audio   *hfAudio  `json:"audio_config"`
	Act     string    `json:"projector_hidden_act"`

	Merge         *float64 `json:"spatial_merge_size"`
	ProjectorBias *bool    `json:"multimodal_projector_bias"`
	FeatureLayer  *float64 `json:"vision_feature_layer"`
	Features      string   `json:"vision_feature_select_strategy"`
}

// hfText are the keys of a text model, at the top or in text_config.
type hfText struct {
	Type       string          `json:"model_type"`
	Vocab      *float64        `json:"vocab_size"`
	Width      *float64        `json:"hidden_size"`
	Hidden     *float64        `json:"intermediate_size"`
	Layers     *float64        `json:"num_hidden_layers"`
	Heads      *float64        `json:"num_attention_heads"`
	KVHeads    *float64        `json:"num_key_value_heads"`
	HeadWidth  *float64        `json:"head_dim"`
	Eps        *float64        `json:"rms_norm_eps"`
	Theta      *float64        `json:"rope_theta"`
	Rope       *hfRope         `json:"rope_parameters"`
	Scaling    *hfRope         `json:"rope_scaling"`
	Context    *float64        `json:"max_position_embeddings"`
	Window     json.RawMessage `json:"sliding_window"`
	Activation string          `json:"hidden_act"`
	Tied       *bool           `json:"tie_word_embeddings"`
	Partial    *float64        `json:"partial_rotary_factor"`

	Experts *float64 `json:"num_local_experts"`
	Used    *float64 `json:"num_experts_per_tok"`

	// Of latent attention and its experts.
	QueryRank  *float64 `json:"q_lora_rank"`
	Rank       *float64 `json:"kv_lora_rank"`
	Plain      *float64 `json:"qk_nope_head_dim"`
	Rotated    *float64 `json:"qk_rope_head_dim"`
	ValueWidth *float64 `json:"v_head_dim"`
	Interleave *bool    `json:"rope_interleave"`
	Routed     *float64 `json:"n_routed_experts"`
	Shared     *float64 `json:"n_shared_experts"`
	OneExpert  *float64 `json:"moe_intermediate_size"`
	Dense      *float64 `json:"first_k_dense_replace"`
	ExpertNorm *bool    `json:"norm_topk_prob"`
	ExpertRate *float64 `json:"routed_scaling_factor"`
	Groups4    *float64 `json:"n_group"`

	MambaEps *float64 `json:"layer_norm_epsilon"`
	Groups   *float64 `json:"n_groups"`
}

type hfRope struct {
	Type        string   `json:"rope_type"`
	OldType     string   `json:"type"`
	Theta       *float64 `json:"rope_theta"`
	Factor      *float64 `json:"factor"`
	Original    *float64 `json:"original_max_position_embeddings"`
	BetaFast    *float64 `json:"beta_fast"`
	BetaSlow    *float64 `json:"beta_slow"`
	Scale       *float64 `json:"mscale"`
	ScaleAll    *float64 `json:"mscale_all_dim"`
	Attention   *float64 `json:"attention_factor"`
	Temperature *float64 `json:"llama_4_scaling_beta"`
}

type hfVision struct {
	Type     string   `json:"model_type"`
	Width    *float64 `json:"hidden_size"`
	Hidden   *float64 `json:"intermediate_size"`
	Layers   *float64 `json:"num_hidden_layers"`
	Heads    *float64 `json:"num_attention_heads"`
	Patch    *float64 `json:"patch_size"`
	Side     *float64 `json:"image_size"`
	Channels *float64 `json:"num_channels"`
	Theta    *float64 `json:"rope_theta"`
	Rope     *hfRope  `json:"rope_parameters"`
}

// hfDefaults are the defaults of transformers' classes; 0: there is none.
type hfDefaults struct {
	vocab, width, hidden, layers, heads, kvHeads, headWidth, context int64
	eps, theta                                                       float64
}

var hfDefault = map[string]hfDefaults{
	"mistral":    {32000, 4096, 14336, 32, 32, 8, 0, 131072, 1e-6, 1e4},
	"mixtral":    {32000, 4096, 14336, 32, 32, 8, 0, 131072, 1e-5, 1e6},
	"ministral3": {131072, 4096, 14336, 34, 32, 8, 128, 262144, 1e-5, 1e6},
	"mistral4":   {131072, 4096, 12288, 36, 32, 32, 0, 1048576, 1e-6, 1e4},
	"voxtral":    {131072, 3072, 8192, 30, 32, 8, 128, 131072, 1e-5, 1e8}, // llama's in it
	"llama":      {32000, 4096, 11008, 32, 32, 0, 0, 2048, 1e-6, 1e4},
	"mamba2":     {32768, 4096, 0, 64, 0, 0, 0, 0, 1e-5, 0},
}

type hfAudio struct {
	Type       string   `json:"model_type"`
	Width      *float64 `json:"hidden_size"`
	OldWidth   *float64 `json:"d_model"`
	Hidden     *float64 `json:"intermediate_size"`
	OldHidden  *float64 `json:"encoder_ffn_dim"`
	Layers     *float64 `json:"num_hidden_layers"`
	OldLayers  *float64 `json:"encoder_layers"`
	Heads      *float64 `json:"num_attention_heads"`
	OldHeads   *float64 `json:"encoder_attention_heads"`
	Bins       *float64 `json:"num_mel_bins"`
	Positions  *float64 `json:"max_source_positions"`
	Activation string   `json:"activation_function"`
	Scale      bool     `json:"scale_embedding"`
}

func parseHF(file string, data []byte) (*model, error) {
	var c hfConfig
	if err := decodeConfig(file, data, &c); err != nil {
		return nil, err
	}
	if len(c.Classes) == 0 {
		return nil, fileErrorf(file, "has no architecture")
	}
	m := &model{file: file, class: c.Classes[0], arch: "llama"}
	r := &reader{file: file}
	text, kind := &c.hfText, ""
	switch m.class {
	case "MistralForCausalLM", "MistralModel":
		kind = "mistral"
	case "MixtralForCausalLM":
		kind = "mixtral"
	case "LlamaForCausalLM":
		kind = "llama"
	case "Ministral3ForCausalLM":
		kind = "ministral3"
	case "Mamba2ForCausalLM":
		kind = "mamba2"
	case "LlavaForConditionalGeneration", "Mistral3ForConditionalGeneration", "VoxtralForConditionalGeneration":
		if c.Text == nil {
			return nil, fileErrorf(file, "has no text_config")
		}
		text, kind = c.Text, c.Text.Type
		if text.Tied == nil {
			text.Tied = c.Tied
		}
		if m.class == "VoxtralForConditionalGeneration" && (kind == "llama" || kind == "") {
			kind = "voxtral"
		}
	default:
		return nil, unsupported(file, "has unsupported architecture %s", m.class)
	}
	if _, ok := hfDefault[kind]; !ok || c.Text != nil && kind == "mamba2" {
		return nil, unsupported(file, "has a %s with a text model of unsupported type %q", m.class, kind)
	}
	m.embeds = m.class == "MistralModel"
	if kind == "mamba2" {
		m.hfMamba(r, text)
	} else {
		m.hfText(r, text, kind)
	}
	if c.Vision != nil && c.Text != nil {
		m.hfVision(r, &c)
	}
	if m.class == "VoxtralForConditionalGeneration" {
		m.hfAudio(r, &c)
	}
	m.check(r)
	return m, r.err
}

func (m *model) hfText(r *reader, t *hfText, kind string) {
	d := hfDefault[kind]
	m.vocab = r.count("vocab_size", t.Vocab, d.vocab)
	m.width = r.count("hidden_size", t.Width, d.width)
	m.hidden = r.count("intermediate_size", t.Hidden, d.hidden)
	m.layers = r.count("num_hidden_layers", t.Layers, d.layers)
	m.heads = r.count("num_attention_heads", t.Heads, d.heads)
	m.kvHeads = r.count("num_key_value_heads", t.KVHeads, cmp.Or(d.kvHeads, m.heads))
	m.headWidth = r.count("head_dim", t.HeadWidth, cmp.Or(d.headWidth, max(1, m.width/m.heads)))
	m.context = r.count("max_position_embeddings", t.Context, d.context)
	m.eps = r.positive("rms_norm_eps", t.Eps, d.eps)
	m.tied = t.Tied
	switch kind {
	case "mixtral":
		m.experts = r.count("num_local_experts", t.Experts, 8)
		m.used = r.count("num_experts_per_tok", t.Used, 2)
	case "mistral4":
		m.hfLatent(r, t)
	}
	if t.Activation != "" && t.Activation != "silu" {
		r.fail("has the activation %q, which llama.cpp does not support for this model", t.Activation)
	}
	if t.Partial != nil && *t.Partial != 1 && m.latent == nil {
		r.fail("has a partial_rotary_factor of %v, which llama.cpp does not support for this model", *t.Partial)
	}
	m.slidingWindow(t.Window)
	m.hfRope(r, t, d.theta)
}

// hfLatent reads latent attention, with the defaults of transformers' Mistral4Config.
func (m *model) hfLatent(r *reader, t *hfText) {
	m.latent = &latent{
		queryRank: r.count("q_lora_rank", t.QueryRank, 1024),
		rank:      r.count("kv_lora_rank", t.Rank, 256),
		plain:     r.count("qk_nope_head_dim", t.Plain, 64),
		rotated:   r.count("qk_rope_head_dim", t.Rotated, 64),
		value:     r.count("v_head_dim", t.ValueWidth, 128),
	}
	m.experts = r.count("n_routed_experts", t.Routed, 128)
	m.used = r.count("num_experts_per_tok", t.Used, 4)
	m.mixture = &mixture{
		hidden: r.count("moe_intermediate_size", t.OneExpert, 2048),
		shared: r.count("n_shared_experts", t.Shared, 1),
		dense:  r.countOrZero("first_k_dense_replace", t.Dense),
		scale:  r.positive("routed_scaling_factor", t.ExpertRate, 1),
		norm:   t.ExpertNorm == nil || *t.ExpertNorm,
	}
	if t.Interleave != nil && !*t.Interleave {
		r.fail("has rope_interleave false, which cannot be converted")
	}
	if t.Groups4 != nil && *t.Groups4 > 1 {
		r.fail("has %v groups of experts, and llama.cpp supports 1", *t.Groups4)
	}
}

func (m *model) hfRope(r *reader, t *hfText, theta float64) {
	rope := cmp.Or(t.Rope, t.Scaling, &hfRope{})
	m.theta = r.positive("rope_theta", cmp.Or(t.Theta, rope.Theta), theta)
	if rope.Temperature != nil && *rope.Temperature != 0 {
		m.temperature = r.positive("llama_4_scaling_beta", rope.Temperature, 0)
		m.temperatureFrom = r.count("original_max_position_embeddings", rope.Original, 0)
	}
	switch kind := cmp.Or(rope.Type, rope.OldType); kind {
	case "", "default":
	case "linear":
		m.linear = r.positive("the factor of rope scaling", rope.Factor, 0)
	case "yarn":
		y := &yarn{
			factor:   r.positive("the factor of YaRN", rope.Factor, 0),
			original: r.count("original_max_position_embeddings", rope.Original, 0),
			betaFast: r.positive("beta_fast", rope.BetaFast, 32),
			betaSlow: r.positive("beta_slow", rope.BetaSlow, 1),
		}
		// transformers divides the scale of mscale by that of mscale_all_dim; llama.cpp
		// assumes 1 for the first.
		if rope.Scale != nil && rope.ScaleAll != nil && *rope.Scale != 0 && *rope.ScaleAll != 0 {
			if *rope.Scale != 1 {
				r.fail("has an mscale of %v, and llama.cpp supports only 1", *rope.Scale)
			}
			y.logMultiplier = r.positive("mscale_all_dim", rope.ScaleAll, 0)
		}
		if rope.Attention != nil {
			r.fail("has an attention_factor, which llama.cpp does not support for this model")
		}
		m.yarn = y
	default:
		r.fail("has rope scaling of type %q, which cannot be converted", kind)
	}
}

func (m *model) hfMamba(r *reader, t *hfText) {
	d := hfDefault["mamba2"]
	m.mamba, m.arch = true, "mamba2"
	m.vocab = r.count("vocab_size", t.Vocab, d.vocab)
	m.width = r.count("hidden_size", t.Width, d.width)
	m.layers = r.count("num_hidden_layers", t.Layers, d.layers)
	m.groups = r.count("n_groups", t.Groups, 8)
	m.eps = r.positive("layer_norm_epsilon", t.MambaEps, d.eps)
	m.tied = t.Tied
}

func (m *model) hfVision(r *reader, c *hfConfig) {
	v := c.Vision
	if v.Type != "" && v.Type != "pixtral" {
		r.fail("has a vision encoder of type %q: want pixtral", v.Type)
	}
	if c.FeatureLayer != nil && *c.FeatureLayer != -1 || c.Features != "" && c.Features != "full" {
		r.fail("does not use the last layer of its vision encoder, which llama.cpp does not support")
	}
	if v.Rope != nil {
		v.Theta = cmp.Or(v.Theta, v.Rope.Theta)
	}
	m.vision = &vision{
		layers:   r.count("num_hidden_layers of vision", v.Layers, 24),
		width:    r.count("hidden_size of vision", v.Width, 1024),
		heads:    r.count("num_attention_heads of vision", v.Heads, 16),
		hidden:   r.count("intermediate_size of vision", v.Hidden, 4096),
		patch:    r.count("patch_size", v.Patch, 16),
		side:     r.count("image_size", v.Side, 1024),
		channels: r.count("num_channels", v.Channels, 3),
		theta:    r.positive("rope_theta of vision", v.Theta, 1e4),
		merge:    1,
		bias:     c.ProjectorBias,
	}
	if m.class == "Mistral3ForConditionalGeneration" {
		m.vision.merge = r.count("spatial_merge_size", c.Merge, 2)
		m.vision.norm = true
	}
}

// hfAudio reads Voxtral's encoder, with the defaults of transformers' VoxtralEncoderConfig.
func (m *model) hfAudio(r *reader, c *hfConfig) {
	a := cmp.Or(c.Audio, &hfAudio{})
	if a.Type != "" && a.Type != "voxtral_encoder" {
		r.fail("has an audio encoder of type %q: want voxtral_encoder", a.Type)
	}
	for _, act := range []string{a.Activation, c.Act} {
		if act != "" && act != "gelu" {
			r.fail("has the activation %q in its audio encoder, and llama.cpp supports only gelu", act)
		}
	}
	if a.Scale {
		r.fail("has scale_embedding true, which llama.cpp does not support")
	}
	m.audio = &audio{
		layers:    r.count("num_hidden_layers of audio", cmp.Or(a.Layers, a.OldLayers), 32),
		width:     r.count("hidden_size of audio", cmp.Or(a.Width, a.OldWidth), 1280),
		heads:     r.count("num_attention_heads of audio", cmp.Or(a.Heads, a.OldHeads), 20),
		hidden:    r.count("intermediate_size of audio", cmp.Or(a.Hidden, a.OldHidden), 5120),
		bins:      r.count("num_mel_bins", a.Bins, 128),
		positions: r.count("max_source_positions", a.Positions, 1500),
	}
	// The projector takes as many frames at once as fill its input.
	m.audio.stack = max(1, m.audio.hidden/m.audio.width)
	if m.audio.hidden%m.audio.width != 0 {
		r.fail("has an intermediate_size of %d in its audio encoder, which its hidden_size of %d does not divide", m.audio.hidden, m.audio.width)
	}
}

// slidingWindow reads a window of attention: a number, null, or a list of both.
func (m *model) slidingWindow(data json.RawMessage) {
	var one float64
	var list []float64 // null is 0
	if json.Unmarshal(data, &one) == nil {
		list = []float64{one}
	} else if json.Unmarshal(data, &list) != nil {
		return
	}
	for _, w := range list {
		m.window = max(m.window, int64(min(w, maxCount)))
	}
}
