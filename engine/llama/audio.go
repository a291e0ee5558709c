//go:build cgo

package llama

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
)

// An audioEncoder turns windows of audio into embeddings: an audio encoder and the projector
// into the text model.
type audioEncoder struct {
	c     hearing
	grid  prompt.AudioGrid
	cache embeddings // of windows

	// The spectrogram of the audio whose windows are being encoded.
	url string
	mel [][]float32
}

// checkAudioEncoder checks the metadata and the tensors of a file: ggml aborts on wrong
// shapes.
func checkAudioEncoder(file *gguf.File) (shape hearingShape, err error) {
	number := func(key string) int64 {
		n, ok := file.Metadata.Uint("clip.audio." + key)
		if (!ok || n == 0 || n > 1<<16) && err == nil {
			err = fmt.Errorf("it has no valid clip.audio.%s", key)
		}
		return int64(n)
	}
	width, hidden, layers := number("embedding_length"), number("feed_forward_length"), number("block_count")
	text, mel, stack, heads := number("projection_dim"), number("num_mel_bins"), number("projector.stack_factor"), number("attention.head_count")
	eps, ok := file.Metadata.Float("clip.audio.attention.layer_norm_epsilon")
	if (!ok || !(eps > 0)) && err == nil {
		err = fmt.Errorf("it has no valid clip.audio.attention.layer_norm_epsilon")
	}
	if err != nil {
		return shape, err
	}
	if layers > 512 || width%heads != 0 || audioFrames%stack != 0 {
		return shape, fmt.Errorf("it has %d layers of width %d with %d heads", layers, width, heads)
	}
	tensors := map[string]gguf.Tensor{}
	for _, t := range file.Tensors {
		tensors[t.Name] = t
	}
	need := func(name string, types []gguf.Type, dims ...int64) {
		t, ok := tensors[name]
		delete(tensors, name)
		switch {
		case err != nil:
		case !ok:
			err = fmt.Errorf("it has no tensor %s", name)
		case !slices.Equal(trimOnes(t.Dims), trimOnes(dims)):
			err = fmt.Errorf("its tensor %s has the shape %v, want %v", name, t.Dims, dims)
		case types != nil && !slices.Contains(types, t.Type):
			err = fmt.Errorf("its tensor %s has the type %s, want %s", name, t.Type, types[0])
		}
	}
	f32, plain := []gguf.Type{gguf.F32}, []gguf.Type{gguf.F16, gguf.F32, gguf.BF16}
	need("a.conv1d.1.weight", plain, 3, mel, width)
	need("a.conv1d.2.weight", plain, 3, width, width)
	need("a.conv1d.1.bias", f32, 1, width)
	need("a.conv1d.2.bias", f32, 1, width)
	need("a.position_embd.weight", f32, width, audioFrames)
	need("a.post_ln.weight", f32, width)
	need("a.post_ln.bias", f32, width)
	for i := range layers {
		at := fmt.Sprintf("a.blk.%d.", i)
		for _, m := range []struct {
			name     string
			in, out  int64
			bias     bool
			optional bool // the bias
		}{
			{"attn_q", width, width, true, false},
			{"attn_k", width, width, false, false},
			{"attn_v", width, width, true, false},
			{"attn_out", width, width, true, true},
			{"ffn_up", width, hidden, true, true},
			{"ffn_down", hidden, width, true, true},
		} {
			need(at+m.name+".weight", matrices, m.in, m.out)
			if _, has := tensors[at+m.name+".bias"]; m.bias && (has || !m.optional) {
				need(at+m.name+".bias", f32, m.out)
			}
		}
		for _, name := range []string{"ln1", "ln2"} {
			need(at+name+".weight", f32, width)
			need(at+name+".bias", f32, width)
		}
	}
	need("mm.a.mlp.1.weight", matrices, stack*width, text)
	need("mm.a.mlp.2.weight", matrices, text, text)
	for name := range tensors {
		if err == nil {
			err = fmt.Errorf("it has an unknown tensor %s", name)
		}
	}
	return hearingShape{bins: int(mel), layers: int(layers), heads: int(heads), stack: int(stack), eps: float32(eps), width: int(text)}, err
}

// matrices are the types of matrices that the CPU and the GPUs multiply.
var matrices = []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_1, gguf.Q5_0, gguf.Q5_1, gguf.Q4_K, gguf.Q5_K, gguf.Q6_K}

// audioFrames is the number of the encoder's frames in a window.
const audioFrames = 1500

func trimOnes(dims []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(dims), func(d int64) bool { return d == 1 })
}

func (e *Engine) loadAudioEncoder(path string, file *gguf.File, about *layout.Encoders) (*audioEncoder, error) {
	shape, err := checkAudioEncoder(file)
	if err == nil {
		err = file.Check()
	}
	if err != nil {
		return nil, wrongProjector(path, e.name, err.Error())
	}
	c, err := openHearing(path, e.instance.params.threads, shape)
	if err != nil {
		return nil, wrongProjector(path, e.name, err.Error())
	}
	return &audioEncoder{c: c, grid: *about.Audio}, nil
}

// newAudioPart returns a window of audio whose n tokens begin at a place.
func newAudioPart(p layout.Place) imagePart {
	h := sha256.New()
	h.Write([]byte(p.URL))
	h.Write(binary.LittleEndian.AppendUint32([]byte("audio"), uint32(p.Window)))
	part := imagePart{at: p.At, n: p.N, url: p.URL, audio: true, window: p.Window}
	h.Sum(part.sum[:0])
	return part
}

// embed computes the embeddings of a window, or takes them from the cache.
func (y *audioEncoder) embed(p *imagePart) error {
	if v, ok := y.cache.get(p.sum); ok {
		p.embed = v
		return nil
	}
	if y.url != p.url {
		if err := y.open(p.url); err != nil {
			return err
		}
	}
	v, err := y.c.encode(y.mel[p.window], p.n)
	if err != nil {
		return fault.Errorf(fault.Internal, "encode audio: %w", err)
	}
	y.cache.put(p.sum, v)
	if p.embed = v; p.window == len(y.mel)-1 {
		y.url, y.mel = "", nil // all windows are in the cache, or in the context
	}
	return nil
}

// open decodes audio and computes its spectrogram.
func (y *audioEncoder) open(url string) error {
	f, err := audio.Open(url)
	if err != nil {
		return err
	}
	samples, err := decodeAudio(f)
	if err != nil {
		return err
	}
	y.mel, err = audio.Mel(context.Background(), samples, y.c.bins, f.Windows())
	y.url = url
	return err
}

// decodeAudio returns the samples of a file, mono at [audio.Rate].
func decodeAudio(f *audio.File) ([]float32, error) {
	s, rate, err := openSound(f)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Param: "messages", Msg: fmt.Sprintf("cannot use the audio: the %s file is damaged", f.Format), Advice: "Get the file again, or convert it to WAV."}
	}
	defer s.close()
	limit := f.Windows() * audio.Window
	r := audio.NewResampler(rate, limit)
	block := make([]float32, 1<<14)
	var got int64
	for got < f.Samples {
		n := s.read(block[:min(int64(len(block)), f.Samples-got)])
		if n == 0 {
			break
		}
		got += int64(n)
		r.Add(block[:n])
	}
	// Decoders leave out a few samples at the ends of some formats.
	if missing := f.Samples - got; missing > int64(f.Rate)/4 {
		return nil, &fault.Error{
			Kind: fault.Invalid, Param: "messages", Advice: "Get the file again, or convert it to WAV.",
			Msg: fmt.Sprintf("cannot use the audio: the %s file is damaged after %.1f of its %.1f seconds", f.Format, float64(got)/float64(f.Rate), f.Length().Seconds()),
		}
	}
	return r.Samples(), nil
}
