package convert

import "github.com/bise-sh/bise/gguf"

// quantizationVersion is GGML_QNT_VERSION of ggml.h.
const quantizationVersion = 2

func general(arch, kind, name string, file gguf.FileType) gguf.Metadata {
	var meta gguf.Metadata
	meta.Set("general.architecture", gguf.Of(arch))
	meta.Set("general.type", gguf.Of(kind))
	meta.Set("general.name", gguf.Of(name))
	meta.Set("general.file_type", gguf.Of(uint32(file)))
	meta.Set("general.quantization_version", gguf.Of(uint32(quantizationVersion)))
	return meta
}

// counter returns a function that writes integers with a prefix.
func counter(meta *gguf.Metadata, prefix string) func(key string, n int64) {
	return func(key string, n int64) { meta.Set(prefix+key, gguf.Of(uint32(n))) }
}

func (m *model) describe(meta *gguf.Metadata, s stateSpace, context int64, pooling uint32) {
	a := m.arch + "."
	count := counter(meta, a)
	number := func(key string, v float64) { meta.Set(a+key, gguf.Of(float32(v))) }
	count("block_count", m.layers)
	count("context_length", context)
	count("embedding_length", m.width)
	count("vocab_size", m.vocab)
	number("attention.layer_norm_rms_epsilon", m.eps)
	if m.mamba {
		count("feed_forward_length", 0)
		count("attention.head_count", 0)
		count("ssm.conv_kernel", s.kernel)
		count("ssm.inner_size", s.inner)
		count("ssm.state_size", s.state)
		count("ssm.time_step_rank", s.heads)
		count("ssm.group_count", m.groups)
		return
	}
	count("feed_forward_length", m.hidden)
	count("attention.head_count", m.heads)
	number("rope.freq_base", m.theta)
	if m.latent != nil {
		m.describeLatent(count, number)
		meta.Set(a+"expert_weights_norm", gguf.Of(m.mixture.norm))
	} else {
		count("attention.head_count_kv", m.kvHeads)
		count("attention.key_length", m.headWidth)
		count("attention.value_length", m.headWidth)
		count("rope.dimension_count", m.headWidth)
	}
	if m.experts > 0 {
		count("expert_count", m.experts)
		count("expert_used_count", m.used)
	}
	switch y := m.yarn; {
	case y != nil:
		meta.Set(a+"rope.scaling.type", gguf.Of("yarn"))
		number("rope.scaling.factor", y.factor)
		count("rope.scaling.original_context_length", y.original)
		number("rope.scaling.yarn_beta_fast", y.betaFast)
		number("rope.scaling.yarn_beta_slow", y.betaSlow)
		multiplier := y.logMultiplier
		if m.latent != nil {
			multiplier *= 0.1 // deepseek2 divides by it
		}
		number("rope.scaling.yarn_log_multiplier", multiplier)
	case m.linear > 0:
		meta.Set(a+"rope.scaling.type", gguf.Of("linear"))
		number("rope.scaling.factor", m.linear)
	case m.temperature > 0:
		count("rope.scaling.original_context_length", m.temperatureFrom)
	}
	if m.temperature > 0 {
		number("attention.temperature_scale", m.temperature)
	}
	if pooling > 0 {
		count("pooling_type", int64(pooling))
	}
}

// describe writes the metadata of the vision encoder. Images are normalised like CLIP's, and
// the epsilon is a constant of the reference.
func (v *vision) describe(meta *gguf.Metadata, textWidth int64) {
	meta.Set("clip.projector_type", gguf.Of("pixtral"))
	meta.Set("clip.has_vision_encoder", gguf.Of(true))
	meta.Set("clip.use_silu", gguf.Of(true))
	meta.Set("clip.rope.freq_base", gguf.Of(float32(v.theta)))
	count := counter(meta, "clip.vision.")
	count("projection_dim", textWidth)
	count("image_size", v.side)
	count("patch_size", v.patch)
	count("embedding_length", v.width)
	count("feed_forward_length", v.hidden)
	count("block_count", v.layers)
	count("attention.head_count", v.heads)
	count("spatial_merge_size", v.merge)
	meta.Set("clip.vision.attention.layer_norm_epsilon", gguf.Of(float32(1e-5)))
	meta.Set("clip.vision.image_mean", gguf.List([]float32{0.48145466, 0.4578275, 0.40821073}))
	meta.Set("clip.vision.image_std", gguf.List([]float32{0.26862954, 0.26130258, 0.27577711}))
}
