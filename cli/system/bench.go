package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/units"
)

const (
	// benchPrompt is the length of the prompt before answers and of the
	// conversation whose state is saved, in tokens.
	benchPrompt = 128
	benchState  = 512
	// benchLong is for how long a part of the measurement is repeated.
	benchLong = 8 * time.Second
	// benchTooLong is how long one measurement may take; longer ones are left out.
	benchTooLong = 2 * time.Minute
	// benchCopied is how many tokens are generated to measure prompt lookup.
	benchCopied = 128
	maxRewrite  = 1 << 20 // bytes
)

// benchParts are what bise bench measures.
var benchParts = []string{"prefill", "decode", "bare", "lookup", "state", "memory"}

// A bench is what bise bench is asked to measure.
type bench struct {
	parts   []string
	prompts []int // lengths in tokens
	answers []int // at once
	tokens  int   // of each answer
	rounds  int
	rewrite string // a file
	text    string // of rewrite
}

func (o *bench) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.parts, "parts", benchParts, "measure only these `PARTS`")
	f.IntSliceVar(&o.prompts, "prompts", []int{128, 512, 2048}, "prefill prompts of these `LENGTHS` in tokens")
	f.IntSliceVar(&o.answers, "answers", []int{1, 2, 4, 8, 16}, "decode these `NUMBERS` of answers at once")
	f.IntVar(&o.tokens, "decode", 64, "decode `N` tokens of each answer")
	f.IntVar(&o.rounds, "rounds", 5, "measure every part `N` times, in turn")
	f.StringVar(&o.rewrite, "rewrite", "", "also measure prompt lookup in a rewrite of `FILE`")
}

func (o *bench) check(ctx context.Context) error {
	if o.rewrite != "" {
		file, err := attach.Open(o.rewrite)
		if err != nil {
			return err
		}
		defer file.Close()
		data, err := attach.ReadAll(ctx, file, maxRewrite)
		if err != nil {
			return attach.ReadError(o.rewrite, err)
		}
		if o.text, _, err = attach.Decode(o.rewrite, data); err != nil {
			return err
		}
	}
	for _, p := range o.parts {
		if !slices.Contains(benchParts, p) {
			return flags.Invalid("parts", p, benchParts...)
		}
	}
	for _, list := range [][]int{o.prompts, o.answers, {o.tokens, o.rounds}} {
		for _, n := range list {
			if n < 1 || n > 1<<20 {
				return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid number %d: want 1 or more", n)}
			}
		}
	}
	if o.tokens < 2 {
		return &fault.Error{Kind: fault.Usage, Msg: "invalid --decode 1: want 2 or more"}
	}
	return nil
}

func (o *bench) measures(part string) bool { return slices.Contains(o.parts, part) }

// Measurements are the results of bise bench.
type Measurements struct {
	Model        string            `json:"model"`
	Quantization string            `json:"quantization,omitempty"`
	Parameters   int64             `json:"parameters,omitempty"`
	Size         int64             `json:"size_bytes"` // of the weights
	Devices      []string          `json:"devices"`
	CPU          machine.Processor `json:"cpu"`
	Threads      int               `json:"threads"`

	LoadMS  float64        `json:"load_ms"`
	Prefill []BenchPrefill `json:"prefill"`
	Decode  []BenchDecode  `json:"decode"`
	Bare    *BenchBare     `json:"bare,omitempty"`
	Lookup  []BenchLookup  `json:"lookup,omitempty"`
	State   *BenchState    `json:"state,omitempty"`

	PeakMemory     int64   `json:"peak_memory_bytes,omitempty"`
	Bandwidth      float64 `json:"memory_bytes_per_second,omitempty"`
	BandwidthShare float64 `json:"memory_bandwidth_share,omitempty"` // weights read per second of writing one answer, of what memory can
}

// A Spread is the range of a value over the rounds.
type Spread struct {
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	Rounds  int     `json:"rounds"`
}

// BenchPrefill is the prefill speed of one prompt length: the median of all rounds.
type BenchPrefill struct {
	Tokens int     `json:"tokens"`
	Rate   float64 `json:"tokens_per_second"`
	Spread
}

// BenchDecode is the decoding speed of several answers at once: the median of all rounds.
type BenchDecode struct {
	Answers int     `json:"answers"`
	Rate    float64 `json:"tokens_per_second"` // of all answers together
	Spread
}

// BenchBare compares with llama.cpp in a plain loop, in the same context. The ratios are
// medians of those of the rounds.
type BenchBare struct {
	Prompt        int     `json:"prompt_tokens"`
	Prefill       float64 `json:"prefill_tokens_per_second"`
	Decode        float64 `json:"decode_tokens_per_second"`
	PrefillRatio  float64 `json:"prefill_ratio"` // the engine's pace, of the bare one's
	DecodeRatio   float64 `json:"decode_ratio"`
	PrefillSpread Spread  `json:"prefill_ratio_spread"`
	DecodeSpread  Spread  `json:"decode_ratio_spread"`
}

// BenchLookup compares decoding with and without prompt lookup, for one kind of text. Ratio
// is the median of those of the rounds.
type BenchLookup struct {
	Text     string  `json:"text"` // copy, prose or rewrite
	Without  float64 `json:"without_tokens_per_second"`
	With     float64 `json:"with_tokens_per_second"`
	Ratio    float64 `json:"ratio"`
	Drafted  int     `json:"drafted"` // tokens, in the last round
	Accepted int     `json:"accepted"`
	Same     bool    `json:"same"` // the texts are the same
	Spread
}

// BenchState is the cost of a saved conversation.
type BenchState struct {
	Tokens    int     `json:"tokens"`
	Bytes     int     `json:"bytes"`
	SaveMS    float64 `json:"save_ms"`
	RestoreMS float64 `json:"restore_ms"`
}

// A measured engine lets its insides be timed.
type measured interface {
	Bare(prompt []int32, n int) (llama.BareLoop, error)
	StateCost(tokens []int32) (llama.StateCost, error)
}

// A Loader loads a model into this process.
type Loader = func(ctx context.Context, spec worker.Spec, progress func(float64)) (engine.Engine, error)

// Bench is the command bise bench.
func Bench(con *console.Console, lib *library.Library, conf config.Config, loadModel Loader) *cobra.Command {
	var (
		load     flags.Load
		backends string
		what     bench
	)
	cmd := &cobra.Command{
		Use:   "bench [REF]",
		Short: "Measure the speed of a model on this machine",
		Long: `Measure the speed of a model on this machine: loading, prefill, decoding one answer and
several at once, prompt lookup, saving and restoring a conversation, and the share of the
memory bandwidth that is reached. The parts are measured in turn, several times; what is
printed are medians, with the lowest and the highest value. Run nothing else meanwhile.`,
		Example: "bise bench codestral --json >before.json",
		Args:    flags.Args(cobra.MaximumNArgs(1), "at most one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref := flags.Model(cmd)
			if len(args) == 1 {
				ref = args[0]
			}
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			if backends != "" {
				o.BackendDirs = []string{backends}
			}
			if err := what.check(cmd.Context()); err != nil {
				return err
			}
			return runBench(cmd.Context(), con, lib, loadModel, ref, o, what)
		},
	}
	load.Add(cmd)
	what.add(cmd)
	cmd.Flags().StringVar(&backends, "backends", "", "use the llama.cpp backends in `DIR`")
	return cmd
}

func runBench(ctx context.Context, con *console.Console, lib *library.Library, load Loader, ref string, o engine.LoadOptions, what bench) error {
	m, err := lib.FindChosen("chat", ref)
	if err != nil {
		return err
	}
	spec, err := lib.Spec(m, o)
	if err != nil {
		return err
	}
	// What was saved before must not make this run faster.
	spec.Options.StateDir = ""
	con.Wait(func(int) string { return "loading " + m.Name })
	began := time.Now()
	e, err := load(ctx, spec, func(float64) {})
	if err != nil {
		return err
	}
	defer e.Close()
	b := bencher{bench: what, con: con, e: e, rng: rand.New(rand.NewPCG(1, 2))}
	b.LoadMS = ms(time.Since(began))
	info := e.Info()
	b.Model, b.Quantization, b.Parameters, b.Size = m.Name, info.Quantization, info.Parameters, info.Size
	b.Devices, b.CPU, b.Threads = append([]string{}, info.Devices...), machine.DetectProcessor(), spec.Options.Threads
	if b.Threads == 0 {
		b.Threads = llama.Threads()
	}
	if err := b.run(ctx, info); err != nil {
		return err
	}
	info.Fingerprint = cmp.Or(info.Fingerprint, spec.Fingerprint)
	if b.single.Timings.Generated > 0 {
		lib.RecordRun(m, info, b.single)
	}
	con.Erase()
	if con.JSON {
		return con.WriteJSON(b.Measurements)
	}
	return con.Print(b.table())
}

// A bencher measures.
type bencher struct {
	bench
	Measurements
	con *console.Console
	e   engine.Engine
	rng *rand.Rand

	single engine.Done // of the fastest single answer
}

// A part is measured once in a round.
type part struct {
	what    string
	measure func(context.Context) error
	spent   time.Duration
}

// run measures all parts in turn, so that what slows the machine for a while slows all.
func (b *bencher) run(ctx context.Context, info engine.Info) error {
	parts, results := b.plan(info)
	for round := range b.rounds {
		for i := range parts {
			p := &parts[i]
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if round > 0 && p.spent >= benchLong {
				continue
			}
			b.con.Wait(func(int) string { return fmt.Sprintf("%s, round %d of %d", p.what, round+1, b.rounds) })
			began := time.Now()
			if err := p.measure(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.what, err)
			}
			p.spent += time.Since(began)
		}
	}
	for _, add := range results {
		add()
	}
	b.PeakMemory = peakMemory()
	if !b.measures("memory") {
		return nil
	}
	b.con.Wait(func(int) string { return "measuring memory" })
	b.Bandwidth = machine.Bandwidth(ctx, b.Threads)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(b.Decode) > 0 && b.Decode[0].Answers == 1 && b.Bandwidth > 0 && info.GPULayers == 0 {
		b.BandwidthShare = b.Decode[0].Rate * float64(b.Size) / b.Bandwidth
	}
	return nil
}

// plan lists the parts to measure, and what puts their medians into the measurements.
func (b *bencher) plan(info engine.Info) (parts []part, results []func()) {
	longest := info.ContextLength
	if b.measures("prefill") {
		slowest := new(0.0) // seconds a token
		for _, n := range b.prompts {
			if longest == 0 || n+1 < longest {
				b.planPrefill(n, slowest, &parts, &results)
			}
		}
	}
	if b.measures("decode") {
		for _, n := range b.answers {
			if longest == 0 || benchPrompt+n*b.tokens < longest {
				b.planDecode(n, &parts, &results)
			}
		}
	}
	n := benchState
	if longest > 0 && n+b.tokens >= longest {
		n = benchPrompt
	}
	if m, ok := b.e.(measured); ok && b.measures("bare") {
		b.planBare(m, n, &parts, &results)
	}
	if b.measures("lookup") && (longest == 0 || longest > 1024) {
		b.planLookup("copy", b.copying, &parts, &results)
		b.planLookup("prose", b.prose, &parts, &results)
	}
	if b.rewrite != "" {
		b.planLookup("rewrite", b.rewriting, &parts, &results)
	}
	if m, ok := b.e.(measured); ok && b.measures("state") {
		parts = append(parts, part{what: "save and restore a conversation", measure: func(ctx context.Context) error { return b.state(ctx, m, n) }})
	}
	return parts, results
}

func (b *bencher) planPrefill(n int, slowest *float64, parts *[]part, results *[]func()) {
	var rates []float64
	*parts = append(*parts, part{what: fmt.Sprintf("prefill %d tokens", n), measure: func(ctx context.Context) error {
		if float64(n)**slowest > benchTooLong.Seconds() {
			return nil
		}
		done, err := b.complete(ctx, n, 1, 1)
		if rate := done.Timings.PrefillRate(); rate > 0 {
			rates = append(rates, rate)
			*slowest = 1 / rate
		}
		return err
	}})
	*results = append(*results, func() {
		if len(rates) > 0 {
			b.Prefill = append(b.Prefill, BenchPrefill{n, median(rates), spread(rates)})
		}
	})
}

func (b *bencher) planDecode(n int, parts *[]part, results *[]func()) {
	var rates []float64
	*parts = append(*parts, part{what: "decode " + units.Plural(n, "answer"), measure: func(ctx context.Context) error {
		done, err := b.complete(ctx, benchPrompt, n, b.tokens)
		rate := done.Timings.DecodeRate()
		if n == 1 && rate > b.single.Timings.DecodeRate() {
			b.single = done
		}
		rates = append(rates, rate)
		return err
	}})
	*results = append(*results, func() { b.Decode = append(b.Decode, BenchDecode{n, median(rates), spread(rates)}) })
}

// planBare compares with llama.cpp in a bare loop.
func (b *bencher) planBare(m measured, n int, parts *[]part, results *[]func()) {
	var prefill, decode, prefills, decodes []float64
	*parts = append(*parts, part{what: "measure llama.cpp by itself", measure: func(ctx context.Context) error {
		prompt, err := b.prompt(ctx, n)
		if err != nil {
			return err
		}
		loop, err := m.Bare(prompt, b.tokens)
		if err != nil {
			return err
		}
		done, err := b.complete(ctx, n, 1, b.tokens)
		if err != nil {
			return err
		}
		prefill = append(prefill, float64(n)/loop.Prefill.Seconds())
		decode = append(decode, float64(b.tokens-1)/loop.Decode.Seconds())
		prefills = append(prefills, done.Timings.PrefillRate()/prefill[len(prefill)-1])
		decodes = append(decodes, done.Timings.DecodeRate()/decode[len(decode)-1])
		return nil
	}})
	*results = append(*results, func() {
		b.Bare = &BenchBare{
			Prompt: n, Prefill: median(prefill), Decode: median(decode), PrefillRatio: median(prefills), DecodeRatio: median(decodes),
			PrefillSpread: spread(prefills), DecodeSpread: spread(decodes),
		}
	})
}

// planLookup compares an answer with drafts with the same one without.
func (b *bencher) planLookup(text string, write func(context.Context, engine.Lookup) (string, engine.Done, error), parts *[]part, results *[]func()) {
	var without, with, ratios []float64
	l := BenchLookup{Text: text, Same: true}
	*parts = append(*parts, part{what: "measure prompt lookup, " + text, measure: func(ctx context.Context) error {
		plain, off, err := write(ctx, engine.LookupOff)
		if err != nil {
			return err
		}
		drafted, on, err := write(ctx, engine.LookupCopies)
		if err != nil {
			return err
		}
		without, with = append(without, off.Timings.DecodeRate()), append(with, on.Timings.DecodeRate())
		if rate := off.Timings.DecodeRate(); rate > 0 {
			ratios = append(ratios, on.Timings.DecodeRate()/rate)
		}
		l.Drafted, l.Accepted, l.Same = on.Timings.Drafted, on.Timings.Accepted, l.Same && plain == drafted
		return nil
	}})
	*results = append(*results, func() {
		if len(ratios) > 0 {
			l.Without, l.With, l.Ratio, l.Spread = median(without), median(with), median(ratios), spread(ratios)
			b.Lookup = append(b.Lookup, l)
		}
	})
}

// copying continues a text that is in its prompt three times.
func (b *bencher) copying(ctx context.Context, l engine.Lookup) (string, engine.Done, error) {
	return b.continueText(ctx, strings.Repeat(benchCode, 3)+benchCode[:len(benchCode)/4], l)
}

func (b *bencher) prose(ctx context.Context, l engine.Lookup) (string, engine.Done, error) {
	return b.continueText(ctx, benchProse, l)
}

func (b *bencher) continueText(ctx context.Context, text string, l engine.Lookup) (string, engine.Done, error) {
	tokens, greedy := benchCopied, 0.0
	r := engine.CompletionRequest{Prompt: text}
	r.Temperature, r.MaxTokens, r.MinTokens, r.Lookup = &greedy, &tokens, tokens, l
	return collect(b.e.Complete(ctx, r))
}

// rewriting asks for a file with small changes, of at most 1,024 tokens.
func (b *bencher) rewriting(ctx context.Context, l engine.Lookup) (string, engine.Done, error) {
	tokens, greedy := 1024, 0.0
	question := "Rewrite this file with better comments. Write the whole file, and nothing else.\n\n```\n" + b.text + "```\n"
	r := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text(question)}}}
	r.Temperature, r.MaxTokens, r.Lookup = &greedy, &tokens, l
	return collect(b.e.Chat(ctx, r))
}

func collect(events iter.Seq2[engine.Event, error]) (string, engine.Done, error) {
	var text strings.Builder
	for event, err := range events {
		if err != nil {
			return "", engine.Done{}, err
		}
		switch event := event.(type) {
		case engine.TextDelta:
			text.WriteString(event.Text)
		case engine.Done:
			return text.String(), event, nil
		}
	}
	return "", engine.Done{}, errors.New("the answer has no end")
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[len(v)/2]
}

func spread(values []float64) Spread {
	return Spread{slices.Min(values), slices.Max(values), len(values)}
}

// complete prefills a new prompt of n tokens and generates answers of exactly tokens
// tokens.
func (b *bencher) complete(ctx context.Context, n, answers, tokens int) (engine.Done, error) {
	prompt, err := b.prompt(ctx, n)
	if err != nil {
		return engine.Done{}, err
	}
	greedy := 0.0
	r := engine.CompletionRequest{Tokens: prompt}
	r.Temperature, r.MaxTokens, r.MinTokens, r.N, r.Lookup = &greedy, &tokens, tokens, answers, engine.LookupOff
	_, done, err := collect(b.e.Complete(ctx, r))
	return done, err
}

// prompt makes n tokens that no run had before, so that nothing is at hand.
func (b *bencher) prompt(ctx context.Context, n int) ([]int32, error) {
	words := strings.Fields("the wind comes down from a mountain river and over it all lies snow while people in houses keep their fires")
	var text strings.Builder
	for range n {
		text.WriteString(words[b.rng.IntN(len(words))] + " ")
	}
	s := text.String()
	tokens, err := b.e.Tokenize(ctx, engine.TokenizeRequest{Text: &s})
	if err != nil {
		return nil, err
	}
	if len(tokens.IDs) < n {
		return nil, fmt.Errorf("%d words are only %d tokens", n, len(tokens.IDs))
	}
	return tokens.IDs[:n], nil
}

// state measures the cost of a conversation's state.
func (b *bencher) state(ctx context.Context, m measured, n int) error {
	prompt, err := b.prompt(ctx, n)
	if err != nil {
		return err
	}
	cost, err := m.StateCost(prompt)
	if err != nil {
		return err
	}
	if b.State == nil || ms(cost.Save) < b.State.SaveMS {
		b.State = &BenchState{Tokens: n, Bytes: cost.Bytes, SaveMS: ms(cost.Save), RestoreMS: ms(cost.Restore)}
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// table shows the measurements.
func (b *Measurements) table() *console.Table {
	t := &console.Table{}
	about := []string{b.Model}
	if b.Quantization != "" {
		about = append(about, b.Quantization)
	}
	t.Add("model", strings.Join(append(about, units.Size(b.Size)), ", "))
	t.Add("on", strings.Join(append(b.Devices, units.Plural(b.Threads, "thread")), ", "))
	t.Add("load", units.Precise(time.Duration(b.LoadMS*float64(time.Millisecond))))
	for _, p := range b.Prefill {
		t.Add("prefill", fmt.Sprintf("%s%s, %d tokens", units.Speed(p.Rate), p.rates(), p.Tokens))
	}
	for _, d := range b.Decode {
		t.Add("decode", fmt.Sprintf("%s%s, %s", units.Speed(d.Rate), d.rates(), at(d.Answers)))
	}
	if b.Bare != nil {
		t.Add("llama.cpp alone", fmt.Sprintf("prefill %s, decode %s; bise reaches %.2f%s and %.2f%s of that",
			units.Speed(b.Bare.Prefill), units.Speed(b.Bare.Decode), b.Bare.PrefillRatio, b.Bare.PrefillSpread.ratios(), b.Bare.DecodeRatio, b.Bare.DecodeSpread.ratios()))
	}
	for _, l := range b.Lookup {
		differs := ""
		if !l.Same {
			differs = "; the texts differ"
		}
		t.Add("prompt lookup", fmt.Sprintf("%.2f×%s on %s, %s instead of %s; %d of %d drafted tokens accepted%s",
			l.Ratio, l.ratios(), map[string]string{"copy": "a copy", "prose": "prose", "rewrite": "a rewrite"}[l.Text], units.Speed(l.With), units.Speed(l.Without), l.Accepted, l.Drafted, differs))
	}
	if b.State != nil {
		t.Add("state", fmt.Sprintf("%s for %d tokens, saved in %.3g ms, restored in %.3g ms", units.Size(int64(b.State.Bytes)), b.State.Tokens, b.State.SaveMS, b.State.RestoreMS))
	}
	if b.PeakMemory > 0 {
		t.Add("memory", units.Size(b.PeakMemory)+" at most")
	}
	if b.Bandwidth > 0 {
		reach := ""
		if b.BandwidthShare > 0 {
			reach = fmt.Sprintf("; writing one answer reaches %.0f %% of that", b.BandwidthShare*100)
		}
		t.Add("memory speed", units.Size(int64(b.Bandwidth))+"/s"+reach)
	}
	return t
}

// rates is a spread of speeds in brackets, "" after a single round.
func (s Spread) rates() string {
	if s.Rounds < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", units.Speed(s.Lowest), units.Speed(s.Highest))
}

// ratios is a spread of ratios in brackets, "" after a single round.
func (s Spread) ratios() string {
	if s.Rounds < 2 {
		return ""
	}
	return fmt.Sprintf(" (%.2f to %.2f)", s.Lowest, s.Highest)
}

func at(answers int) string {
	if answers == 1 {
		return "one answer"
	}
	return fmt.Sprintf("%d answers at once, together", answers)
}

// peakMemory is the most memory that this process has had, in bytes, 0 where the
// system does not tell (it does on Linux).
func peakMemory() int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kB * 1024
		}
	}
	return 0
}
