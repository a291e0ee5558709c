package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/chat"
)

// maxSchema is the largest JSON schema file, in bytes.
const maxSchema = 1_000_000

type ask struct {
	files, images []string
	system        string
	schema        string
	stats, raw    bool
	noThinking    bool
	continues     bool // the last conversation
	noHistory     bool
	mode          string // for the history
	from          imageSource
	shows         bool // shows the images to the user too
	sampling      samplingFlags
	load          loadFlags
}

func (a *app) askCommand() *cobra.Command {
	v := ask{mode: "chat"}
	cmd := &cobra.Command{
		Use:   "ask [PROMPT]…",
		Short: "Ask a question, get one answer",
		Long: `Ask a question, get one answer. What is piped in is attached: a text, an image or a PDF.
On a terminal the answer is drawn, in a pipe it is the model's own text.

Question and answer are kept in the history: -c continues the conversation that was
last talked in, with its model unless -m names another.`,
		Example: `bise ask "How does a slice grow in Go?"
bise ask -c "and a map?"
git diff | bise ask "write a commit message"
bise ask -f main.go -f go.mod "what is missing?"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd.Context(), v, strings.Join(args, " "))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&v.continues, "continue", "c", false, "continue the last conversation")
	f.StringArrayVarP(&v.files, "file", "f", nil, "attach `FILE`, a text, an image or a PDF; may be repeated")
	f.StringArrayVarP(&v.images, "image", "i", nil, "show the picture `FILE` (also -, clipboard: or an address); may be repeated")
	f.StringVar(&v.system, "system", "", "the system prompt, `TEXT`: how the model is to answer")
	f.StringVar(&v.schema, "schema", "", "answer with JSON that satisfies the JSON schema in `FILE`")
	f.BoolVar(&v.raw, "raw", false, "do not draw Markdown")
	f.BoolVar(&v.noThinking, "no-thinking", false, "answer without thinking first")
	f.BoolVar(&v.noHistory, "no-history", false, "do not keep what is asked and answered")
	f.BoolVar(&v.stats, "stats", false, "tell tokens and speeds afterwards")
	v.sampling.add(cmd)
	v.sampling.addChoices(cmd)
	v.load.add(cmd)
	return cmd
}

func (a *app) ask(ctx context.Context, v ask, prompt string) error {
	if v.continues && v.system != "" {
		return usageErrorf("--system is for the first question of a conversation, and -c continues one")
	}
	q, err := a.question(ctx, v, prompt)
	if err != nil {
		return err
	}
	r := q.Request()
	if r.Sampling, err = v.sampling.sampling(a.config.Sampling); err != nil {
		return err
	}
	if v.noThinking {
		r.ReasoningEffort = "none"
	}
	if v.schema != "" {
		if r.ResponseFormat, err = schema(ctx, v.schema); err != nil {
			return err
		}
	}
	o, err := v.load.options(a.config)
	if err != nil {
		return err
	}
	kept, before, err := a.remember(ctx, v, q)
	if err != nil {
		return err
	}
	defer kept.close()
	r.Messages = append(before, r.Messages...)
	if a.model == "" {
		a.model = kept.Conversation.Model
	}
	e, err := a.lib.Open(ctx, a.model, o)
	if err != nil {
		return a.failed(err)
	}
	defer e.Close()
	ref, _ := a.lib.Choose(a.model)
	kept.by(e.Info(), ref, r.Choices())
	if info := e.Info(); q.HasImages() && info.Architecture != "" && !info.Can.Vision {
		return a.failed(&fault.Error{
			Kind: fault.Unsupported, Param: "image", Msg: fmt.Sprintf("%s cannot see images", info.Model),
			Advice: "Name a model that can with -m, such as pixtral-12b.",
		})
	}
	if v.shows {
		if err := a.showImages(ctx, images(q), a.counter(e, v.load.projector)); err != nil {
			return a.failed(err)
		}
	}
	return a.answer(ctx, a.fitting(e, images(q)), r, v, kept)
}

// failed tells an error to who reads the answer as JSON.
func (a *app) failed(err error) error {
	if a.json && !errors.Is(err, errInterrupted) {
		return errors.Join(err, writeFailure(a.stdout, err))
	}
	return err
}

// question gathers what is asked.
func (a *app) question(ctx context.Context, v ask, prompt string) (chat.Question, error) {
	q := chat.Question{System: v.system, Prompt: prompt}
	r := a.attachments()
	if err := v.from.apply(a, r); err != nil {
		return q, err
	}
	for _, path := range v.files {
		list, err := r.File(ctx, path, "")
		if err != nil {
			return q, err
		}
		q.Attached = append(q.Attached, list...)
	}
	if a.piped() && !slices.Contains(v.images, attach.Stdin) && !slices.Contains(v.files, attach.Stdin) {
		a.waitForStdin()
		list, err := r.File(ctx, attach.Stdin, "")
		a.progress.erase()
		if err != nil {
			return q, err
		}
		for _, p := range list {
			if p.Image != nil || strings.TrimSpace(p.Text) != "" {
				q.Attached = append(q.Attached, p)
			}
		}
	}
	for _, name := range v.images {
		list, err := r.Images(ctx, name)
		if err != nil {
			return q, err
		}
		for i := range list {
			q.Attached = append(q.Attached, attach.Attachment{Name: list[i].Name, Image: &list[i]})
		}
	}
	if strings.TrimSpace(prompt) == "" && len(images(q)) == len(q.Attached) {
		if len(q.Attached) > 0 {
			return q, noQuestion(v, q.Attached[0].Name)
		}
		return q, &fault.Error{Kind: fault.Usage, Msg: "there is nothing to answer", Advice: `Ask something: bise ask "how does a slice grow in Go?", or pipe a text in.`}
	}
	return q, nil
}

// images returns the images of a question.
func images(q chat.Question) []attach.Image {
	var list []attach.Image
	for _, a := range q.Attached {
		if a.Image != nil {
			list = append(list, *a.Image)
		}
	}
	return list
}

// schema reads the form that the answer is to have.
func schema(ctx context.Context, path string) (*engine.ResponseFormat, error) {
	f, err := attach.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := attach.ReadAll(ctx, f, maxSchema)
	if errors.Is(err, attach.ErrTooLarge) {
		return nil, usageErrorf("cannot read %s: a schema has at most %s", path, size(maxSchema))
	}
	if err != nil {
		return nil, attach.ReadError(path, err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is no JSON schema: %v", path, err), Advice: "A schema is a JSON object."}
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return &engine.ResponseFormat{
		Type:       "json_schema",
		JSONSchema: &engine.JSONSchema{Name: name, Schema: data, Strict: true},
	}, nil
}

// answer asks and shows what comes.
func (a *app) answer(ctx context.Context, e engine.Engine, r engine.ChatRequest, v ask, kept *recording) error {
	began := time.Now()
	s := show{
		a: a, name: e.Info().Model, limit: r.MaxTokens,
		choices: choices{
			n: r.Choices(), rule: a.ruled(r.Choices()),
			sheet: func() sheet { return a.sheet(v.raw || v.schema != "") },
		},
	}
	for event, err := range e.Chat(ctx, r) {
		if err == nil {
			kept.take(ctx, event)
			err = s.take(event)
		}
		if err != nil {
			a.progress.erase()
			return errors.Join(a.failed(err), s.choices.close())
		}
	}
	a.progress.erase()
	if err := s.choices.close(); err != nil {
		return err
	}
	if v.stats {
		if s.done.Timings.Load == 0 && !s.loaded.IsZero() {
			s.done.Timings.Load = s.loaded.Sub(began)
		}
		a.stats(s.done, time.Since(began))
	}
	return nil
}

// show shows the events of an answer.
type show struct {
	a       *app
	name    string // of the model
	limit   *int   // tokens that the person allowed
	choices choices

	reading  reading
	loading  bool
	loaded   time.Time // when the model was; zero when nothing waited for it
	thinking time.Time // when it began; zero when the model does not think
	done     engine.Done
}

func (s *show) take(event engine.Event) error {
	s.await(event)
	if s.a.json {
		return writeEvent(s.a.stdout, event)
	}
	switch e := event.(type) {
	case engine.TextDelta:
		s.write()
		return s.choices.print(e.Choice, e.Text)
	case engine.ToolCallDelta:
		s.write()
		return s.choices.print(e.Choice, fmt.Sprintf("%s(%s)\n", e.Call.Function.Name, e.Call.Function.Arguments))
	case engine.Finish:
		s.write()
		if err := s.choices.finish(e.Choice); err != nil {
			return err
		}
		s.ended(e)
	}
	return nil
}

// await shows what happens before and beside the answer's text.
func (s *show) await(event engine.Event) {
	_, loading := event.(engine.Loading)
	if s.loading && !loading {
		s.loaded = time.Now()
	}
	s.loading = loading
	switch e := event.(type) {
	case engine.Loading:
		s.a.progress.wait(func(columns int) string {
			return withBar("loading "+s.name, e.Fraction, fmt.Sprintf("  %.0f %%", e.Fraction*100), columns)
		})
	case engine.Progress:
		s.reading.update(e)
		s.a.progress.wait(s.reading.line)
	case engine.LeftOut:
		s.a.note("%s", leftOut(e))
	case engine.ThinkingDelta:
		s.think()
	case engine.Done:
		s.done = e
	}
}

// think notes that the model thinks.
func (s *show) think() {
	if s.thinking.IsZero() {
		began := time.Now()
		s.thinking = began
		s.a.progress.wait(func(int) string { return "thinking, " + long(time.Since(began)) })
	}
}

// write makes way for the answer.
func (s *show) write() {
	s.a.progress.erase()
	if !s.thinking.IsZero() {
		if s.a.out.Terminal() {
			s.a.note("▸ thought for %s", long(time.Since(s.thinking)))
		}
		s.thinking = time.Time{}
	}
}

// ended tells an end that is not the model's own.
func (s *show) ended(e engine.Finish) {
	which := "the answer"
	if s.choices.n > 1 {
		which = fmt.Sprintf("answer %d", e.Choice+1)
	}
	switch e.Reason {
	case engine.FinishLength:
		if s.limit != nil {
			s.a.note("%s is cut off after %s (--max-tokens).", which, plural(*s.limit, "token"))
			return
		}
		s.a.note("%s is cut off: the server allows no more tokens.", which)
	case engine.FinishModelLength:
		s.a.note("%s is cut off: the context is full.", which)
	}
}

// leftOut tells what the model does not see.
func leftOut(e engine.LeftOut) string {
	return fmt.Sprintf("%s (%s tokens) are not in the model's view: its context holds %s tokens.",
		plural(e.Messages, "earlier message"), count(e.Tokens), count(e.Context))
}

// stats tells what an answer took, in two lines: tokens and times.
func (a *app) stats(d engine.Done, took time.Duration) {
	u, t := d.Usage, d.Timings
	tokens := fmt.Sprintf("%s read", plural(u.PromptTokens, "token"))
	if n := u.Cached(); n > 0 {
		tokens += fmt.Sprintf(" (%d cached)", n)
	}
	tokens += fmt.Sprintf(", %d written", u.CompletionTokens)
	for _, r := range []struct {
		what string
		rate float64
	}{{"read", t.PrefillRate()}, {"wrote", t.DecodeRate()}} {
		if r.rate > 0 {
			tokens += fmt.Sprintf(" · %s %s", r.what, speed(r.rate))
		}
	}
	fmt.Fprintln(a.stderr, tokens)
	var times []string
	for _, p := range []struct {
		what string
		d    time.Duration
	}{{"load", t.Load}, {"queue", t.Queue}, {"restore", t.Restore}, {"first", t.FirstToken}, {"all", took}} {
		if p.d > 0 {
			times = append(times, fmt.Sprintf("%s %s", p.what, precise(p.d)))
		}
	}
	fmt.Fprintln(a.stderr, strings.Join(times, " · "))
}
