package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/fim"
)

// An infill is a request of llama.cpp's /infill endpoint, which editor plugins use:
// llama.vim and llama.vscode.
type infill struct {
	model    string
	gap      fim.Input
	sampling engine.Sampling
	indent   int           // a line indented less ends the text
	limit    time.Duration // of writing, once a line is whole; 0: none
	stream   bool
	fields   []string // of the answer; nil: all
}

// maxExtra is how many chunks of other files a request can have.
const maxExtra = 256

// infill reads an infill request, by the field names of llama.cpp's server.
func (o *object) infill() infill {
	r := infill{
		model: o.string("model"), sampling: o.sampling(), stream: o.boolean("stream"),
		gap: fim.Input{Prefix: o.string("input_prefix"), Suffix: o.string("input_suffix"), Begun: o.string("prompt")},
	}
	if r.sampling.Temperature == nil {
		// The samplers that plugins name have none: what is likeliest is wanted.
		r.sampling.Temperature = new(0.0)
	}
	if n := o.integer("n_indent", 0, math.MaxInt32); n != nil {
		r.indent = *n
	}
	if ms := o.integer("t_max_predict_ms", -1, math.MaxInt32); ms != nil {
		r.limit = time.Duration(max(0, *ms)) * time.Millisecond
	}
	if v, ok := o.get("input_extra"); ok {
		chunks := v.list()
		if len(chunks) > maxExtra {
			v.violate("too_long", fmt.Sprintf("List should have at most %d items after validation, not %d", maxExtra, len(chunks)), map[string]any{"max_length": maxExtra})
			chunks = nil
		}
		for _, c := range chunks {
			if chunk, ok := c.object(); ok {
				r.gap.Files = append(r.gap.Files, fim.File{Name: chunk.string("filename"), Text: chunk.string("text")})
				chunk.ignore("time")
				chunk.done()
			}
		}
	}
	o.ignore("nindent")
	o.predictions(&r)
	return r
}

func (s *server) infill(w http.ResponseWriter, r *http.Request) error {
	var req infill
	if err := s.read(w, r, func(o *object) { req = o.infill() }); err != nil {
		return err
	}
	eng, name, err := s.c.open(r.Context(), CodeMode, req.model, func(float64) {})
	if err != nil {
		return err
	}
	layout, err := s.layout(r.Context(), eng)
	if err != nil {
		return err
	}
	f := &filling{req: &req, model: name}
	if n := req.sampling.MaxTokens; n != nil && *n == 0 && layout.SuffixFirst() && req.gap.Suffix == "" {
		// Plugins have other files read ahead like this. For a model that reads the
		// suffix first, no prompt to come begins so.
		return WriteJSON(w, http.StatusOK, f.answer())
	}
	c, err := layout.Request(r.Context(), req.gap)
	if err != nil {
		return err
	}
	c.Sampling = req.sampling
	if req.stream {
		return s.streamFilling(w, r.Context(), eng, c, f)
	}
	if err := f.run(r.Context(), eng, c, func(string) bool { return true }); err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, f.answer())
}

// layout finds the layout of a model, once for each file: finding it asks the worker twice.
func (s *server) layout(ctx context.Context, eng engine.Engine) (fim.Layout, error) {
	file := eng.Info().Fingerprint
	if known, ok := s.layouts.Load(file); ok && file != "" {
		return known.(fim.Layout).On(eng), nil
	}
	l, err := fim.LayoutOf(ctx, eng)
	if err == nil && file != "" {
		s.layouts.Store(file, l.On(nil))
	}
	return l, err
}

// streamFilling answers as llama.cpp's server does: each piece in an object, and
// at last one with everything else.
func (s *server) streamFilling(w http.ResponseWriter, ctx context.Context, eng engine.Engine, c engine.CompletionRequest, f *filling) error {
	out := newOutbox(w, EventStream)
	defer out.close()
	begun := false
	put := func(v any) bool {
		begun = true
		data, err := json.Marshal(v)
		if err != nil {
			panic("api: encode an answer: " + err.Error())
		}
		return out.put(func(b []byte) []byte { return append(append(append(b, "data: "...), data...), "\n\n"...) })
	}
	err := f.run(ctx, eng, c, func(piece string) bool { return put(map[string]any{"content": piece, "stop": false}) })
	if err != nil {
		if !begun && out.cancel() {
			return err
		}
		logFailure(w, err)
		failure, _ := describe(err)
		put(map[string]any{"error": failure})
		return nil
	}
	answer := f.answer()
	answer["content"] = ""
	put(answer)
	return nil
}

// A filling is an answer to an infill request while it is written.
type filling struct {
	req   *infill
	model string

	text   string // what may be in the answer
	first  time.Time
	read   engine.Progress
	done   engine.Done
	reason string // why it ended, by llama.cpp's names
	word   string // the stop string that ended it
}

// run generates the text and passes it on, until it ends or the client is gone.
func (f *filling) run(ctx context.Context, eng engine.Engine, c engine.CompletionRequest, pass func(piece string) bool) error {
	began := time.Now()
	for ev, err := range eng.Complete(ctx, c) {
		if err != nil {
			return err
		}
		switch ev := ev.(type) {
		case engine.Progress:
			f.read = ev
		case engine.TextDelta:
			if f.first.IsZero() {
				f.first = time.Now()
			}
			piece, enough := f.take(ev.Text)
			f.done.Timings.Generated++
			if piece != "" && !pass(piece) || enough {
				f.reason = "limit"
				f.stopped(began)
				return nil
			}
		case engine.Finish:
			f.reason, f.word = "eos", ev.Stop
			switch {
			case ev.Reason != engine.FinishStop:
				f.reason = "limit"
			case ev.Stop != "":
				f.reason = "word"
			}
		case engine.Done:
			f.done = ev
		}
	}
	return nil
}

// take gives what of a piece belongs to the text, and whether the text ends with
// it: at a line that is indented less, or at the end of a line when it is late.
func (f *filling) take(piece string) (_ string, enough bool) {
	old := len(f.text)
	f.text += piece
	from := strings.LastIndexByte(f.text[:old], '\n')
	for i := max(0, from); i < len(f.text); i++ {
		if f.text[i] != '\n' {
			continue
		}
		if f.req.limit > 0 && i >= old && time.Since(f.first) >= f.req.limit {
			f.text, enough = f.text[:i], true
			break
		}
		line := f.text[i+1:]
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if indent < f.req.indent && indent < len(line) && line[indent] != '\n' && line[indent] != '\r' {
			if f.req.stream {
				i = max(i, old) // what is sent is sent
			}
			f.text, enough = f.text[:i], true
			break
		}
	}
	return f.text[min(old, len(f.text)):], enough
}

// stopped sets the values that the engine has not reported.
func (f *filling) stopped(began time.Time) {
	d := &f.done
	d.Usage.PromptTokens = f.read.Total
	d.Usage.PromptDetails = &engine.PromptTokensDetails{CachedTokens: f.read.Cached}
	d.Usage.CompletionTokens = d.Timings.Generated
	d.Timings.Evaluated = f.read.Total - f.read.Cached
	d.Timings.Prefill = f.first.Sub(began)
	d.Timings.Decode = time.Since(f.first)
}

// answer is what llama.cpp's server says, or the fields of it that were asked
// for: what is within another object then gets a name with a slash.
func (f *filling) answer() map[string]any {
	u, t := f.done.Usage, f.done.Timings
	timings := map[string]any{
		"cache_n":  u.Cached(),
		"prompt_n": t.Evaluated, "prompt_ms": ms(t.Prefill), "prompt_per_token_ms": each(t.Prefill, t.Evaluated), "prompt_per_second": rate(t.Evaluated, t.Prefill),
		"predicted_n": t.Generated, "predicted_ms": ms(t.Decode), "predicted_per_token_ms": each(t.Decode, t.Generated), "predicted_per_second": rate(t.Generated, t.Decode),
	}
	whole := map[string]any{
		"content": f.text, "model": f.model, "stop": true, "stop_type": f.reason, "stopping_word": f.word, "truncated": false,
		"tokens_predicted": u.CompletionTokens, "tokens_evaluated": u.PromptTokens, "tokens_cached": u.PromptTokens + u.CompletionTokens,
		"timings": timings,
	}
	if f.req.fields == nil {
		return whole
	}
	some := map[string]any{}
	for _, name := range f.req.fields {
		v, ok := whole[name]
		if within, found := strings.CutPrefix(name, "timings/"); found {
			v, ok = timings[within]
		}
		if ok {
			some[name] = v
		}
	}
	return some
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// each is milliseconds for one of n.
func each(d time.Duration, n int) float64 { return ms(d) / float64(max(1, n)) }

// rate is how many there are in a second.
func rate(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
