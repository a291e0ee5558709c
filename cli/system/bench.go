package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/units"
)

// The measured lengths of prompts, and numbers of parallel answers of benchTokens
// tokens each.
var (
	benchPrompts = []int{128, 512, 2048}
	benchAnswers = []int{1, 2, 4, 8, 16}
)

const (
	benchTokens = 64
	// benchPrompt is the length of the prompt before answers and of the
	// conversation whose state is saved, in tokens.
	benchPrompt = 128
	benchState  = 512
	// benchRuns is how often something is measured, and benchLong how long it may
	// take for that: the best counts, others are noise of the machine.
	benchRuns = 3
	benchLong = 3 * time.Second
	// benchTooLong is how long one measurement may take; longer ones are left out.
	benchTooLong = 2 * time.Minute
)

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
	State   *BenchState    `json:"state,omitempty"`

	PeakMemory     int64   `json:"peak_memory_bytes,omitempty"`
	Bandwidth      float64 `json:"memory_bytes_per_second,omitempty"`
	BandwidthShare float64 `json:"memory_bandwidth_share,omitempty"` // weights read per second of writing one answer, of what memory can
}

// BenchPrefill is the prefill speed of one prompt length.
type BenchPrefill struct {
	Tokens int     `json:"tokens"`
	Rate   float64 `json:"tokens_per_second"`
}

// BenchDecode is the decoding speed of several answers at once.
type BenchDecode struct {
	Answers int     `json:"answers"`
	Rate    float64 `json:"tokens_per_second"` // of all answers together
}

// BenchBare compares with llama.cpp in a plain loop, in the same context.
type BenchBare struct {
	Prompt       int     `json:"prompt_tokens"`
	Prefill      float64 `json:"prefill_tokens_per_second"`
	Decode       float64 `json:"decode_tokens_per_second"`
	PrefillRatio float64 `json:"prefill_ratio"` // the engine's pace, of the bare one's
	DecodeRatio  float64 `json:"decode_ratio"`
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
	)
	cmd := &cobra.Command{
		Use:   "bench [REF]",
		Short: "Measure the speed of a model on this machine",
		Long: `Measure the speed of a model on this machine: loading, prefill, decoding one answer and
several at once, saving and restoring a conversation, and the share of the memory
bandwidth that is reached. Run nothing else meanwhile.`,
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
			return runBench(cmd.Context(), con, lib, loadModel, ref, o)
		},
	}
	load.Add(cmd)
	cmd.Flags().StringVar(&backends, "backends", "", "use the llama.cpp backends in `DIR`")
	return cmd
}

func runBench(ctx context.Context, con *console.Console, lib *library.Library, load Loader, ref string, o engine.LoadOptions) error {
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
	b := bencher{con: con, e: e, rng: rand.New(rand.NewPCG(1, 2))}
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
	lib.RecordRun(m, info, b.single)
	con.Erase()
	if con.JSON {
		return con.WriteJSON(b.Measurements)
	}
	return con.Print(b.table())
}

// A bencher measures.
type bencher struct {
	Measurements
	con *console.Console
	e   engine.Engine
	rng *rand.Rand

	single engine.Done // of the fastest single answer
}

func (b *bencher) run(ctx context.Context, info engine.Info) error {
	longest := info.ContextLength
	for _, n := range benchPrompts {
		if longest > 0 && n+1 >= longest || b.tooLong(n) {
			continue
		}
		if err := b.prefill(ctx, n); err != nil {
			return fmt.Errorf("read a prompt of %d tokens: %w", n, err)
		}
	}
	for _, n := range benchAnswers {
		if longest > 0 && benchPrompt+n*benchTokens >= longest {
			continue
		}
		if err := b.decode(ctx, n); err != nil {
			return fmt.Errorf("write %s at once: %w", units.Plural(n, "answer"), err)
		}
	}
	if m, ok := b.e.(measured); ok {
		if err := b.inside(ctx, m, longest); err != nil {
			return err
		}
	}
	b.PeakMemory = peakMemory()
	b.wait("measuring memory")
	b.Bandwidth = machine.Bandwidth(ctx, b.Threads)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(b.Decode) > 0 && b.Bandwidth > 0 && info.GPULayers == 0 {
		b.BandwidthShare = b.Decode[0].Rate * float64(b.Size) / b.Bandwidth
	}
	return nil
}

func (b *bencher) wait(format string, args ...any) {
	b.con.Wait(func(int) string { return fmt.Sprintf(format, args...) })
}

// tooLong reports whether a prompt of n tokens would take too long, to go by the
// last one.
func (b *bencher) tooLong(n int) bool {
	if len(b.Prefill) == 0 {
		return false
	}
	last := b.Prefill[len(b.Prefill)-1]
	return float64(n)/last.Rate > benchTooLong.Seconds()
}

func (b *bencher) prefill(ctx context.Context, n int) error {
	b.wait("reading %d tokens", n)
	best, err := b.best(ctx, func() (float64, error) {
		done, err := b.complete(ctx, n, 1, 1)
		return done.Timings.PrefillRate(), err
	})
	if err != nil {
		return err
	}
	b.Prefill = append(b.Prefill, BenchPrefill{n, best})
	return nil
}

func (b *bencher) decode(ctx context.Context, answers int) error {
	b.wait("writing %s at once", units.Plural(answers, "answer"))
	best, err := b.best(ctx, func() (float64, error) {
		done, err := b.complete(ctx, benchPrompt, answers, benchTokens)
		rate := done.Timings.DecodeRate()
		if answers == 1 && rate > b.single.Timings.DecodeRate() {
			b.single = done
		}
		return rate, err
	})
	if err != nil {
		return err
	}
	b.Decode = append(b.Decode, BenchDecode{answers, best})
	return nil
}

// best measures a rate a few times and gives the highest.
func (b *bencher) best(ctx context.Context, measure func() (float64, error)) (float64, error) {
	best := 0.0
	for began, run := time.Now(), 0; run < benchRuns && (run == 0 || time.Since(began) < benchLong); run++ {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		rate, err := measure()
		if err != nil {
			return 0, err
		}
		best = max(best, rate)
	}
	return best, nil
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
	r.Temperature, r.MaxTokens, r.MinTokens, r.N = &greedy, &tokens, tokens, answers
	for event, err := range b.e.Complete(ctx, r) {
		if err != nil {
			return engine.Done{}, err
		}
		if done, ok := event.(engine.Done); ok {
			return done, nil
		}
	}
	return engine.Done{}, errors.New("the answer has no end")
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

// inside measures what requests cannot show: the pace of llama.cpp by itself, and
// the cost of a conversation's state.
func (b *bencher) inside(ctx context.Context, m measured, longest int) error {
	n := benchState
	if longest > 0 && n+benchTokens >= longest {
		n = benchPrompt
	}
	prompt, err := b.prompt(ctx, n)
	if err != nil {
		return err
	}
	b.wait("measuring llama.cpp by itself")
	var bare BenchBare
	bare.Prompt = n
	for range benchRuns {
		loop, err := m.Bare(prompt, benchTokens)
		if err != nil {
			return fmt.Errorf("measure llama.cpp by itself: %w", err)
		}
		bare.Prefill = max(bare.Prefill, float64(n)/loop.Prefill.Seconds())
		bare.Decode = max(bare.Decode, float64(benchTokens-1)/loop.Decode.Seconds())
		// The engine in between, so that a machine that slows down slows both.
		done, err := b.complete(ctx, n, 1, benchTokens)
		if err != nil {
			return err
		}
		bare.PrefillRatio = max(bare.PrefillRatio, done.Timings.PrefillRate())
		bare.DecodeRatio = max(bare.DecodeRatio, done.Timings.DecodeRate())
	}
	bare.PrefillRatio /= bare.Prefill
	bare.DecodeRatio /= bare.Decode
	b.Bare = &bare
	b.wait("saving and restoring a conversation")
	cost, err := m.StateCost(prompt)
	if err != nil {
		return fmt.Errorf("save and restore a conversation: %w", err)
	}
	b.State = &BenchState{Tokens: n, Bytes: cost.Bytes, SaveMS: ms(cost.Save), RestoreMS: ms(cost.Restore)}
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
		t.Add("read", fmt.Sprintf("%s, %d tokens", units.Speed(p.Rate), p.Tokens))
	}
	for _, d := range b.Decode {
		t.Add("write", fmt.Sprintf("%s, %s", units.Speed(d.Rate), at(d.Answers)))
	}
	if b.Bare != nil {
		t.Add("llama.cpp alone", fmt.Sprintf("reads %s, writes %s; bise reaches %.2f and %.2f of that", units.Speed(b.Bare.Prefill), units.Speed(b.Bare.Decode), b.Bare.PrefillRatio, b.Bare.DecodeRatio))
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
