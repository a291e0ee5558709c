package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

// audioTensors plans the tensors of the audio encoder and its projector.
func (p *plan) audioTensors(m *model, n naming) {
	a := m.audio
	for i, from := range []int64{a.bins, a.width} {
		name, source := fmt.Sprintf("a.conv1d.%d.", i+1), fmt.Sprintf(n.convolution, i+n.firstConvolution)
		p.tensor(name+"weight", []int64{a.width, from, 3}, source+".weight")
		p.tensor(name+"bias", []int64{a.width, 1}, source+".bias")
	}
	if positions := strings.TrimSuffix(n.audioNorm, "layer_norm") + "embed_positions.weight"; p.w.has(positions) {
		p.tensor("a.position_embd.weight", []int64{a.positions, a.width}, positions)
	} else if p.err == nil {
		p.parts("a.position_embd.weight", []int64{a.positions, a.width}, a.sinusoids(p.file))
	}
	for i := int64(0); i < a.layers && p.err == nil; i++ {
		from, to := fmt.Sprintf(n.audioLayer, i), fmt.Sprintf("a.blk.%d.", i)
		add := func(name string, bias bool, shape ...int64) {
			p.tensor(to+name+".weight", shape, from+n.audio[name]+".weight")
			if bias {
				p.tensor(to+name+".bias", shape[:1], from+n.audio[name]+".bias")
			}
		}
		add("ln1", true, a.width)
		add("attn_q", true, a.width, a.width)
		add("attn_k", false, a.width, a.width)
		add("attn_v", true, a.width, a.width)
		add("attn_out", true, a.width, a.width)
		add("ln2", true, a.width)
		add("ffn_up", true, a.hidden, a.width)
		add("ffn_down", true, a.width, a.hidden)
	}
	p.tensor("a.post_ln.weight", []int64{a.width}, n.audioNorm+".weight")
	p.tensor("a.post_ln.bias", []int64{a.width}, n.audioNorm+".bias")
	p.tensor("mm.a.mlp.1.weight", []int64{m.width, a.stack * a.width}, n.project[0]+".weight")
	p.tensor("mm.a.mlp.2.weight", []int64{m.width, m.width}, n.project[1]+".weight")
}

// sinusoids returns the embeddings of positions, which Mistral's layout leaves out: Whisper's
// sines and cosines.
func (a *audio) sinusoids(file string) part {
	var b bytes.Buffer
	half := a.width / 2
	step := math.Log(10000) / float64(half-1)
	for at := range a.positions {
		for i := range a.width {
			// In float32, like the reference.
			angle := float32(at) * float32(math.Exp(float64(float32(-step)*float32(i%half))))
			v := math.Sin(float64(angle))
			if i >= half {
				v = math.Cos(float64(angle))
			}
			binary.Write(&b, binary.LittleEndian, float32(v))
		}
	}
	s := &source{
		Tensor: safetensors.Tensor{Name: "the embeddings of positions", Type: safetensors.F32, Shape: []int64{a.positions, a.width}},
		file:   file, in: bytes.NewReader(b.Bytes()), used: true,
	}
	return part{source: s, rows: a.positions, scale: 1}
}

// describe writes the metadata of the audio encoder. The epsilon is a constant of the
// reference.
func (a *audio) describe(meta *gguf.Metadata, textWidth int64) {
	meta.Set("clip.projector_type", gguf.Of("voxtral"))
	meta.Set("clip.has_audio_encoder", gguf.Of(true))
	meta.Set("clip.has_vision_encoder", gguf.Of(false))
	count := counter(meta, "clip.audio.")
	count("projection_dim", textWidth)
	count("embedding_length", a.width)
	count("feed_forward_length", a.hidden)
	count("block_count", a.layers)
	count("attention.head_count", a.heads)
	count("num_mel_bins", a.bins)
	count("projector.stack_factor", a.stack)
	meta.Set("clip.audio.attention.layer_norm_epsilon", gguf.Of(float32(1e-5)))
}
