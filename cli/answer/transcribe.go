package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/transcribe"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/units"
)

type transcription struct {
	format, language string
	load             flags.Load
}

// Transcribe is the command bise transcribe.
func Transcribe(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var v transcription
	cmd := &cobra.Command{
		Use:   "transcribe FILE…",
		Short: "Transcribe audio files",
		Long: `Transcribe audio files: WAV, MP3 or FLAC, or - for standard input.

A file is cut into parts of at most 30 seconds, and the text of each is printed when it
is done. A word at a cut may be lost. After Ctrl-C the text so far stays on stdout.`,
		Example: `bise transcribe talk.mp3
bise transcribe --format srt --language fr film.wav > film.srt`,
		Args: flags.Args(cobra.MinimumNArgs(1), "one audio file or more"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runTranscribe(cmd.Context(), con, lib, conf, flags.Model(cmd), v, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.format, "format", "text", "print `FORMAT`: text, srt (subtitles) or json")
	f.StringVar(&v.language, "language", "", "expect the language with this `CODE`, such as en or fr (default: the model finds out)")
	v.load.Add(cmd)
	return cmd
}

func runTranscribe(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, v transcription, names []string) error {
	if con.JSON {
		v.format = "json"
	}
	switch {
	case v.format != "text" && v.format != "srt" && v.format != "json":
		return flags.Invalid("format", v.format, "text", "srt", "json")
	case v.format == "srt" && len(names) > 1:
		return &fault.Error{Kind: fault.Usage, Msg: "--format srt takes one file", Advice: "Run the command once for each file."}
	}
	if err := prompt.CheckLanguage(v.language); err != nil {
		return err
	}
	o, err := v.load.Options(conf)
	if err != nil {
		return err
	}
	// A file that cannot be used is found before the model is loaded.
	files := make([]*audio.File, len(names))
	for i, name := range names {
		if files[i], err = readAudio(ctx, con, name); err != nil {
			return con.Fail(err)
		}
	}
	if lib.Choose("audio", model).Unable {
		return con.Fail(errDeaf())
	}
	e, chosen, err := lib.OpenFor(ctx, "audio", model, o)
	if err != nil {
		if chosen.Err != nil && chosen.Source == library.Best {
			err = errDeaf()
		}
		return con.Fail(err)
	}
	defer e.Close()
	if err := vision.CheckAudio(e.Info()); err != nil {
		return con.Fail(err)
	}
	for i, f := range files {
		t := transcript{con: con, v: v, name: names[i], several: len(names) > 1, file: f, progress: progress.Progress{Model: e.Info().Model}}
		if err := t.write(ctx, e); err != nil {
			return con.Fail(err)
		}
	}
	return nil
}

// errDeaf says what to pull where no model can hear.
func errDeaf() error {
	return &fault.Error{
		Kind: fault.Unsupported, Param: "audio", Msg: "no installed model can hear",
		Advice: "Download one: bise pull voxtral-mini",
	}
}

func readAudio(ctx context.Context, con *console.Console, name string) (*audio.File, error) {
	var in io.Reader = con.Stdin
	shown := "standard input"
	if name != attach.Stdin {
		f, err := attach.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in, shown = f, name
	}
	data, err := attach.ReadAll(ctx, in, audio.MaxFile)
	switch {
	case errors.Is(err, attach.ErrTooLarge):
		return nil, fault.Errorf(fault.Invalid, "cannot read %s: it is larger than %s", shown, units.Size(audio.MaxFile))
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, attach.ReadError(shown, err)
	}
	return attach.OpenAudio(shown, data)
}

// A transcript is written while a file is transcribed.
type transcript struct {
	con      *console.Console
	v        transcription
	name     string
	several  bool // files
	file     *audio.File
	progress progress.Progress
	segments []transcribe.Segment
}

func (t *transcript) write(ctx context.Context, e engine.Engine) error {
	if t.several && t.v.format == "text" {
		if _, err := fmt.Fprintf(t.con.Stdout, "%s:\n", t.con.CleanOut(t.name)); err != nil {
			return err
		}
	}
	t.wait(0)
	o := transcribe.Options{Language: t.v.language, Watch: func(from, _ time.Duration, event engine.Event) {
		t.progress.Observe(event, time.Now())
		t.wait(from)
	}}
	var failed error
	for s, err := range transcribe.File(ctx, e, t.file, o) {
		if failed = err; err != nil {
			break
		}
		t.segments = append(t.segments, s)
		if failed = t.print(s); failed != nil {
			break
		}
	}
	t.con.Erase()
	if t.v.format == "json" {
		// What was done is printed after Ctrl-C too.
		failed = errors.Join(failed, t.json(failed == nil))
	}
	return failed
}

func (t *transcript) wait(at time.Duration) {
	if t.progress.Phase == progress.Loading {
		waitFor(t.con, t.progress.Line())
		return
	}
	t.con.Waitf("transcribing %s · %s of %s", t.con.Clean(t.name), transcribe.Clock(at), transcribe.Clock(t.file.Length()))
}

func (t *transcript) print(s transcribe.Segment) error {
	t.con.Erase()
	s.Text = t.con.CleanOut(s.Text)
	switch t.v.format {
	case "text":
		_, err := fmt.Fprintln(t.con.Stdout, s.Text)
		return err
	case "srt":
		return transcribe.WriteSRT(t.con.Stdout, len(t.segments), s)
	}
	return nil
}

func (t *transcript) json(complete bool) error {
	type segment struct {
		Start float64 `json:"start"` // seconds
		End   float64 `json:"end"`
		Text  string  `json:"text"`
	}
	list, texts := []segment{}, []string{}
	for _, s := range t.segments {
		list, texts = append(list, segment{s.From.Seconds(), s.To.Seconds(), s.Text}), append(texts, s.Text)
	}
	return t.con.WriteJSON(map[string]any{
		"file": t.name, "duration": t.file.Length().Seconds(), "language": cmp.Or(t.v.language, "auto"),
		"text": strings.Join(texts, " "), "segments": list, "complete": complete,
	})
}
