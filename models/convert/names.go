package convert

import (
	"fmt"

	"github.com/bise-sh/bise/safetensors"
)

const fp8 = safetensors.F8E4M3

// Layout is one of the two layouts of published weights.
type Layout string

const (
	Auto   Layout = ""       // the existing one; of two, Hugging Face's
	HF     Layout = "hf"     // config.json and model*.safetensors
	Native Layout = "native" // params.json and consolidated*.safetensors, Mistral's
)

// naming has the names of a layout's tensors. The tables are by llama.cpp's name, without
// ".weight".
type naming struct {
	permuted   bool // rows of queries and keys are half a head apart
	embedding  string
	norm       string
	output     []string
	layer      string // with the number of the layer
	block      map[string]string
	gates      []string // router of the experts, below the layer
	expert     []string // with the number of the expert
	shared     string   // with the name of a matrix of the shared experts, which sharedPart has
	sharedPart map[string]string

	visionPrefix string
	vision       map[string]string // below a layer of the vision encoder
	adapt        map[string]string

	convolution, audioNorm string // of the audio encoder, the first with a number
	firstConvolution       int
	audioLayer             string // with the number of the layer
	audio                  map[string]string
	project                [2]string
}

// namesOf returns the names of a layout. Versions of transformers have different prefixes.
func namesOf(l Layout, w *weights) naming {
	if l == Native {
		n := nativeNames
		if inAudio := "mm_whisper_embeddings." + n.embedding; w.has(inAudio + ".weight") {
			n.embedding = inAudio
		}
		return n
	}
	n := hfNames
	for _, prefix := range []string{"model.", "", "language_model.model.", "model.language_model."} {
		if w.has(prefix + n.embedding + ".weight") {
			n.embedding, n.norm, n.layer = prefix+n.embedding, prefix+n.norm, prefix+n.layer
			break
		}
	}
	if w.has("model.vision_tower.patch_conv.weight") {
		n.visionPrefix = "model." + n.visionPrefix
		adapt := map[string]string{}
		for k, v := range n.adapt {
			adapt[k] = "model." + v
		}
		n.adapt = adapt
	}
	if w.has("model.audio_tower.conv1.weight") {
		for _, name := range []*string{&n.convolution, &n.audioNorm, &n.audioLayer, &n.project[0], &n.project[1]} {
			*name = "model." + *name
		}
	}
	return n
}

var hfNames = naming{
	permuted:  true,
	embedding: "embed_tokens",
	norm:      "norm",
	output:    []string{"lm_head.weight", "language_model.lm_head.weight"},
	layer:     "layers.%d.",
	block: map[string]string{
		"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
		"ffn_gate": "mlp.gate_proj", "ffn_down": "mlp.down_proj", "ffn_up": "mlp.up_proj",
		"attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm", "attn_q_b": "self_attn.q_b_proj",
		"attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa", "attn_kv_a_norm": "self_attn.kv_a_layernorm", "attn_kv_b": "self_attn.kv_b_proj",
	},
	shared:       "mlp.shared_experts.%s.weight",
	sharedPart:   map[string]string{"ffn_gate": "gate_proj", "ffn_down": "down_proj", "ffn_up": "up_proj"},
	gates:        []string{"block_sparse_moe.gate.weight", "mlp.gate.weight"},
	expert:       []string{"block_sparse_moe.experts.%d.", "mlp.experts.%d."},
	visionPrefix: "vision_tower.",
	vision: map[string]string{
		"ln1": "attention_norm", "attn_q": "attention.q_proj", "attn_k": "attention.k_proj", "attn_v": "attention.v_proj", "attn_out": "attention.o_proj",
		"ln2": "ffn_norm", "ffn_gate": "feed_forward.gate_proj", "ffn_down": "feed_forward.down_proj", "ffn_up": "feed_forward.up_proj",
	},
	adapt: map[string]string{
		"mm.1": "multi_modal_projector.linear_1", "mm.2": "multi_modal_projector.linear_2",
		"mm.input_norm": "multi_modal_projector.norm", "mm.patch_merger": "multi_modal_projector.patch_merger.merging_layer",
	},
	convolution: "audio_tower.conv%d", firstConvolution: 1, audioNorm: "audio_tower.layer_norm", audioLayer: "audio_tower.layers.%d.",
	audio: map[string]string{
		"ln1": "self_attn_layer_norm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
		"attn_out": "self_attn.out_proj", "ln2": "final_layer_norm", "ffn_up": "fc1", "ffn_down": "fc2",
	},
	project: [2]string{"multi_modal_projector.linear_1", "multi_modal_projector.linear_2"},
}

var nativeNames = naming{
	embedding: "tok_embeddings",
	norm:      "norm",
	output:    []string{"output.weight"},
	layer:     "layers.%d.",
	block: map[string]string{
		"attn_norm": "attention_norm", "attn_q": "attention.wq", "attn_k": "attention.wk", "attn_v": "attention.wv",
		"attn_output": "attention.wo", "ffn_norm": "ffn_norm",
		"ffn_gate": "feed_forward.w1", "ffn_down": "feed_forward.w2", "ffn_up": "feed_forward.w3",
		"attn_q_a": "attention.wq_a", "attn_q_a_norm": "attention.q_a_norm", "attn_q_b": "attention.wq_b",
		"attn_kv_a_mqa": "attention.wkv_a_with_mqa", "attn_kv_a_norm": "attention.kv_a_norm", "attn_kv_b": "attention.wkv_b",
	},
	shared:       "shared_experts.%s.weight",
	sharedPart:   map[string]string{"ffn_gate": "w1", "ffn_down": "w2", "ffn_up": "w3"},
	gates:        []string{"feed_forward.gate.weight", "block_sparse_moe.gate.weight", "gate.weight"},
	expert:       []string{"feed_forward.experts.%d.", "experts.%d."},
	visionPrefix: "vision_encoder.",
	vision: map[string]string{
		"ln1": "attention_norm", "attn_q": "attention.wq", "attn_k": "attention.wk", "attn_v": "attention.wv", "attn_out": "attention.wo",
		"ln2": "ffn_norm", "ffn_gate": "feed_forward.w1", "ffn_down": "feed_forward.w2", "ffn_up": "feed_forward.w3",
	},
	adapt: map[string]string{
		"mm.1": "vision_language_adapter.w_in", "mm.2": "vision_language_adapter.w_out",
		"mm.input_norm": "pre_mm_projector_norm", "mm.patch_merger": "patch_merger.merging_layer",
	},
	convolution: whisper + "conv_layers.%d", audioNorm: whisper + "transformer.norm", audioLayer: whisper + "transformer.layers.%d.",
	audio: map[string]string{
		"ln1": "attention_norm", "attn_q": "attention.wq", "attn_k": "attention.wk", "attn_v": "attention.wv",
		"attn_out": "attention.wo", "ln2": "ffn_norm", "ffn_up": "feed_forward.w1", "ffn_down": "feed_forward.w2",
	},
	project: [2]string{"mm_whisper_embeddings.audio_language_projection.0", "mm_whisper_embeddings.audio_language_projection.2"},
}

// whisper begins the names of the audio encoder in Mistral's layout.
const whisper = "mm_whisper_embeddings.whisper_encoder."

// expertPart has the names of an expert's matrices in both layouts.
var expertPart = map[string]string{"ffn_gate": "w1.weight", "ffn_down": "w2.weight", "ffn_up": "w3.weight"}

func (n *naming) at(layer int64) string { return fmt.Sprintf(n.layer, layer) }
