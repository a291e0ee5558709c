package answer

import (
	"cmp"
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
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/units"
)

// maxSchema is the largest JSON schema file, in bytes.
const maxSchema = 1_000_000

type ask struct {
	files, images []string
	system        string
	systemSet     bool // --system is given
	schema        string
	strict        bool // the schema has to be enforced as a whole
	stats, raw    bool
	noThinking    bool
	effort        string
	continues     bool // the last conversation
	noHistory     bool
	mode          string // for the history
	from          input.ImageSource
	shows         bool // shows the images to the user too
	sampling      flags.Sampling
	load          flags.Load
}

// Ask is the command bise ask.
func Ask(con *console.Console, lib *library.Library, conf config.Config, h *past.Opener) *cobra.Command {
	v := ask{mode: "chat"}
	cmd := &cobra.Command{
		Use:   "ask [PROMPT]…",
		Short: "Ask a question and print the answer",
		Long: `Ask a question and print the answer. Piped input is attached: a text, an image, audio
or a PDF. On a terminal the answer is rendered; in a pipe it is the unchanged text.

Saves the question and the answer to the history (--no-history to skip). -c continues
the last conversation with its model, system prompt and parameters; flags override them.`,
		Example: `bise ask "How does a slice grow in Go?"
bise ask -c "and a map?"
git diff | bise ask "write a commit message"
bise ask -f main.go -f go.mod "what is missing?"
bise ask -i talk.wav "what is decided?"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.systemSet = cmd.Flags().Changed("system")
			return runAsk(cmd.Context(), con, lib, conf, h, flags.Model(cmd), v, strings.Join(args, " "))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&v.continues, "continue", "c", false, "continue the last conversation")
	f.StringArrayVarP(&v.files, "file", "f", nil, "attach `FILE`, a text, an image, audio or a PDF; can be repeated")
	f.StringArrayVarP(&v.images, "image", "i", nil, "attach the image or audio `FILE` (also -, clipboard: or a URL); can be repeated")
	f.StringVar(&v.system, "system", "", "use `TEXT` as the system prompt")
	f.StringVar(&v.schema, "schema", "", "answer with JSON that matches the JSON schema in `FILE`")
	f.BoolVar(&v.strict, "strict", false, "refuse a schema that is not enforced as a whole while the answer is written")
	f.BoolVar(&v.raw, "raw", false, "do not render Markdown")
	f.StringVar(&v.effort, "effort", "", "think as much as `LEVEL` says: "+strings.Join(engine.Efforts, ", "))
	f.BoolVar(&v.noThinking, "no-thinking", false, "answer without thinking first, as --effort none")
	f.BoolVar(&v.noHistory, "no-history", false, "do not save the question and the answer")
	f.BoolVar(&v.stats, "stats", false, "print token counts and speeds afterwards")
	v.sampling.Add(cmd)
	v.sampling.AddChoices(cmd)
	v.load.Add(cmd)
	return cmd
}

func runAsk(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, h *past.Opener, model string, v ask, prompt string) error {
	q, err := question(ctx, con, v, prompt)
	if err != nil {
		return err
	}
	return answerQuestion(ctx, con, lib, conf, h, model, v, q)
}

// Attachments answers attachments without words, as ask does with piped input. If
// continues is set, they belong to the last conversation.
func Attachments(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, h *past.Opener, model string, attached []attach.Attachment, continues bool) error {
	v := ask{mode: "chat", continues: continues}
	none := &cobra.Command{} // no flag of ask is set
	v.sampling.Add(none)
	v.load.Add(none)
	q := chat.Question{Attached: attached}
	if err := checkQuestion(v, q); err != nil {
		return err
	}
	return answerQuestion(ctx, con, lib, conf, h, model, v, q)
}

func answerQuestion(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, h *past.Opener, model string, v ask, q chat.Question) error {
	if v.effort != "" && !slices.Contains(engine.Efforts, v.effort) {
		return flags.Invalid("effort", v.effort, engine.Efforts...)
	}
	if v.effort != "" && v.noThinking {
		return fault.Errorf(fault.Usage, "--effort and --no-thinking are mutually exclusive")
	}
	if _, err := v.sampling.Options(conf.Sampling); err != nil {
		return err
	}
	var format *engine.ResponseFormat
	var err error
	if v.schema != "" {
		if format, err = schema(ctx, v.schema, v.strict); err != nil {
			return err
		}
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	kept, before, err := remember(ctx, con, conf, h, v, q)
	if err != nil {
		return err
	}
	defer kept.close()
	r := chat.Request(kept.Conversation.System, append(before, q.Message())...)
	r.Sampling, r.ResponseFormat = library.Sampling(conf.Sampling), format
	kept.Conversation.Parameters.Apply(&r)
	if r.Sampling, err = v.sampling.Over(r.Sampling); err != nil {
		return err
	}
	switch {
	case v.noThinking:
		r.ReasoningEffort = "none"
	case v.effort != "":
		r.ReasoningEffort = v.effort
	}
	if model == "" {
		if model = kept.Conversation.Model; lib.IsRemote(model) {
			con.Notef("The conversation continues with %s, on a server.", model)
		}
	}
	e, chosen, err := lib.OpenFor(ctx, v.mode, model, o)
	if err != nil {
		return con.Fail(err)
	}
	defer e.Close()
	r.ReasoningEffort = cmp.Or(r.ReasoningEffort, library.Effort(conf.Sampling, e.Info()))
	if note := e.Info().EffortNote(r.ReasoningEffort); note != "" {
		con.Notef("%s", note)
	}
	kept.by(e.Info(), chosen, r.Choices())
	if err := vision.Check(e.Info()); err != nil && len(q.Images()) > 0 {
		return con.Fail(err)
	}
	if err := vision.CheckAudio(e.Info()); err != nil && q.HasAudio() {
		return con.Fail(err)
	}
	if info := e.Info(); info.Architecture != "" {
		var hidden int
		if r, hidden = vision.HideEarlier(r, info.Can); hidden > 0 {
			con.Notef("%s", vision.HiddenNote(hidden))
		}
	}
	if v.shows {
		if err := showImages(ctx, con, q.Images(), tokenCounter(lib, chosen.Ref, e, v.load.Projector)); err != nil {
			return con.Fail(err)
		}
	}
	return runAnswer(ctx, con, fitting(con, e, q.Images()), r, v, kept)
}

// question gathers what is asked.
func question(ctx context.Context, con *console.Console, v ask, prompt string) (chat.Question, error) {
	q := chat.Question{Prompt: prompt}
	r := input.New(con)
	if err := v.from.Apply(con, r); err != nil {
		return q, err
	}
	var err error
	if q.Attached, err = input.Files(ctx, con, r, v.files, !slices.Contains(v.images, attach.Stdin)); err != nil {
		return q, err
	}
	for _, name := range v.images {
		list, err := r.Media(ctx, name, v.shows)
		if err != nil {
			return q, err
		}
		q.Attached = append(q.Attached, list...)
	}
	return q, checkQuestion(v, q)
}

// checkQuestion refuses a question without words and without a text.
func checkQuestion(v ask, q chat.Question) error {
	if strings.TrimSpace(q.Prompt) != "" || q.HasText() {
		return nil
	}
	if len(q.Attached) > 0 {
		return noQuestion(v, q.Attached[0].Name)
	}
	return &fault.Error{Kind: fault.Usage, Msg: "no question given", Advice: `Ask something: bise ask "how does a slice grow in Go?", or pipe a text in.`}
}

// schema reads the JSON schema of the answer.
func schema(ctx context.Context, path string, strict bool) (*engine.ResponseFormat, error) {
	f, err := attach.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := attach.ReadAll(ctx, f, maxSchema)
	if errors.Is(err, attach.ErrTooLarge) {
		return nil, fault.Errorf(fault.Usage, "cannot read %s: a schema has at most %s", path, units.Size(maxSchema))
	}
	if err != nil {
		return nil, attach.ReadError(path, err)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is not a JSON schema: %v", path, err), Advice: "A schema is a JSON object."}
	}
	if strict {
		if err := checkStrict(ctx, path, data); err != nil {
			return nil, err
		}
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return &engine.ResponseFormat{
		Type:       "json_schema",
		JSONSchema: &engine.JSONSchema{Name: name, Schema: data, Strict: true},
	}, nil
}

// checkStrict refuses a schema of which bise ignores a part, or checks it only when the
// answer is complete.
func checkStrict(ctx context.Context, path string, schema json.RawMessage) error {
	s, err := grammar.Compile(ctx, schema)
	if err != nil {
		return err
	}
	var parts []string
	if len(s.Checked) > 0 {
		parts = append(parts, "only a complete answer is checked for "+strings.Join(s.Checked, ", "))
	}
	if len(s.Ignored) > 0 {
		parts = append(parts, "an annotation is "+strings.Join(s.Ignored, ", "))
	}
	if len(parts) == 0 {
		return nil
	}
	return &fault.Error{
		Kind: fault.Usage, Msg: fmt.Sprintf("%s is not enforced as a whole: %s", path, strings.Join(parts, "; ")),
		Advice: "Change these keywords, or leave out --strict.",
	}
}

// runAnswer asks and shows what comes.
func runAnswer(ctx context.Context, con *console.Console, e engine.Engine, r engine.ChatRequest, v ask, kept *recording) error {
	began := time.Now()
	s := show{
		con: con, progress: progress.Progress{Model: e.Info().Model}, limit: r.MaxTokens,
		choices: choices{
			n: r.Choices(), rule: choiceRule(con, r.Choices()),
			sheet: func() console.Sheet { return con.Sheet(v.raw || v.schema != "") },
		},
	}
	for event, err := range e.Chat(ctx, r) {
		if err == nil {
			kept.take(ctx, event)
			err = s.take(event)
		} else if ctx.Err() == nil {
			kept.failed(err)
		}
		if err != nil {
			con.Erase()
			return errors.Join(con.Fail(err), s.choices.close())
		}
	}
	con.Erase()
	if err := s.choices.close(); err != nil {
		return err
	}
	if v.stats {
		if s.done.Timings.Load == 0 && !s.loaded.IsZero() {
			s.done.Timings.Load = s.loaded.Sub(began)
		}
		printStats(con, s.done, time.Since(began))
	}
	return nil
}

// show shows the events of an answer.
type show struct {
	con     *console.Console
	limit   *int // the limit of tokens that the user set
	choices choices

	progress progress.Progress
	loaded   time.Time // when the model was; zero when nothing waited for it
	thinking time.Time // when it began; zero when the model does not think
	done     engine.Done
}

func (s *show) take(event engine.Event) error {
	s.await(event)
	if s.con.JSON {
		return writeEvent(s.con.Stdout, event)
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
		s.finish(e, !s.choices.given[e.Choice])
	}
	return nil
}

// await shows what happens before and beside the answer's text.
func (s *show) await(event engine.Event) {
	loading := s.progress.Phase == progress.Loading
	s.progress.Observe(event, time.Now())
	if loading && s.progress.Phase != progress.Loading {
		s.loaded = time.Now()
	}
	switch e := event.(type) {
	case engine.Loading, engine.Progress:
		waitFor(s.con, s.progress.Line())
	case engine.LeftOut:
		s.con.Notef("%s.", chat.LeftOut(e))
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
		s.con.Wait(func(int) string { return "thinking, " + units.Duration(time.Since(began)) })
	}
}

// write makes way for the answer.
func (s *show) write() {
	s.con.Erase()
	if !s.thinking.IsZero() {
		if s.con.Out.Terminal() {
			s.con.Notef("▸ thought for %s", units.Duration(time.Since(s.thinking)))
		}
		s.thinking = time.Time{}
	}
}

// finish notes an answer that is cut off or empty.
func (s *show) finish(e engine.Finish, empty bool) {
	which := "the answer"
	if s.choices.n > 1 {
		which = fmt.Sprintf("answer %d", e.Choice+1)
	}
	limit, flag := 0, ""
	if e.Reason == engine.FinishLength && s.limit != nil {
		limit, flag = *s.limit, " (--max-tokens)"
	}
	switch reason := chat.CutOff(e.Reason, limit); {
	case reason != "" && empty:
		s.con.Notef("%s is empty, %s%s.", which, reason, flag)
	case reason != "":
		s.con.Notef("%s is %s%s.", which, reason, flag)
	case empty:
		s.con.Notef("%s is empty.", which)
	}
}

// printStats prints the token counts and the times of an answer in two lines.
func printStats(con *console.Console, d engine.Done, took time.Duration) {
	u, t := d.Usage, d.Timings
	tokens := units.Plural(u.PromptTokens, "prompt token")
	if n := u.Cached(); n > 0 {
		tokens += fmt.Sprintf(" (%d cached)", n)
	}
	tokens += ", " + units.Plural(u.CompletionTokens, "completion token")
	if rate := t.PrefillRate(); rate > 0 {
		tokens += " · prefill " + units.Speed(rate)
	}
	if rate := t.DecodeRate(); rate > 0 {
		tokens += " · decode " + units.Speed(rate)
	}
	fmt.Fprintln(con.Stderr, tokens)
	var times []string
	for _, p := range []struct {
		name string
		d    time.Duration
	}{{"load", t.Load}, {"queue", t.Queue}, {"restore", t.Restore}, {"first token", t.FirstToken}, {"total", took}} {
		if p.d > 0 {
			times = append(times, p.name+" "+units.Precise(p.d))
		}
	}
	fmt.Fprintln(con.Stderr, strings.Join(times, " · "))
}
