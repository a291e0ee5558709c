package models

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// A Download downloads, converts or imports a model in the background. It outlives the dialog
// that started it, and its partial files outlive bise.
type Download struct {
	Number  int
	attempt int // counts the starts
	title   string
	Request pull.Request
	path    string      // of an imported file; "": a download
	typed   string      // path as it was typed or dropped
	prompt  *kit.Prompt // that asked for path
	plan    *pull.Plan  // nil until it is planned

	State    State
	Progress pull.Sample // the last sample
	sample   func() pull.Sample
	err      error
	stop     context.CancelCauseFunc
}

type State int

const (
	Planning        State = iota
	AwaitingLicence       // the user must accept the licence
	Running
	Paused
	Broken
)

// Why a download was stopped.
var (
	errPaused    = errors.New("paused")
	errCancelled = errors.New("cancelled")
)

// Messages about downloads.
type (
	unfinishedRead struct {
		list []pull.Unfinished
		err  error
	}
	DownloadPlanned struct {
		number, attempt int
		plan            *pull.Plan
		err             error
	}
	ProgressSampled struct{ Samples map[int]pull.Sample } // by number
	DownloadEnded   struct {
		number, attempt int
		Model           models.Model
		Err             error
	}
	downloadRestored struct{ number int }
	// downloadRequested asks for a download after a warning.
	downloadRequested struct {
		request pull.Request
		title   string
	}
)

// active reports whether the download is running or being planned.
func (w *Download) active() bool { return w.State == Planning || w.State == Running }

// addUnfinished lists the downloads that an earlier run left.
func (s *Service) addUnfinished(msg unfinishedRead) {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return
	}
	for _, u := range msg.list {
		s.number++
		s.Downloads = append(s.Downloads, &Download{Number: s.number, title: u.Plan.Name, Request: u.Plan.Request, plan: u.Plan, State: Paused, Progress: u.At})
	}
	switch n := len(msg.list); {
	case n == 1:
		s.notify.Warn(fmt.Sprintf("the download of %s can be resumed: %s", s.Downloads[0].title, kit.KeyOr(s.look.Keys.Models, "/model")))
	case n > 1:
		s.notify.Warn(fmt.Sprintf("%d downloads can be resumed: %s", n, kit.KeyOr(s.look.Keys.Models, "/model")))
	}
}

// pull starts or resumes a download.
func (s *Service) pull(r pull.Request, title string) tea.Cmd {
	for _, w := range s.Downloads {
		if w.Request.Ref == r.Ref && w.Request.Type == r.Type {
			w.Request = r
			return s.resume(w)
		}
	}
	s.number++
	w := &Download{Number: s.number, title: title, Request: r, State: Paused}
	s.Downloads = append(s.Downloads, w)
	return s.resume(w)
}

// resume resumes a download. It plans again, because things may have changed.
func (s *Service) resume(w *Download) tea.Cmd {
	if w.active() || w.State == AwaitingLicence {
		return nil
	}
	if s.library == nil {
		s.handleError(w, errors.New("downloads are not available"))
		return nil
	}
	s.notify.Solved(w.cause())
	if w.path != "" {
		return s.startImport(w)
	}
	w.State, w.err = Planning, nil
	w.attempt++
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.stop = stop
	pulls, number, attempt, request := s.pulls, w.Number, w.attempt, w.Request
	return func() tea.Msg {
		msg := DownloadPlanned{number: number, attempt: attempt}
		msg.plan, msg.err = pulls.Plan(ctx, request)
		if cause := context.Cause(ctx); cause != nil {
			msg.err = cause
		}
		return msg
	}
}

// find returns a download, or nil if the message is from an earlier attempt.
func (s *Service) find(number, attempt int) *Download {
	i := slices.IndexFunc(s.Downloads, func(w *Download) bool { return w.Number == number && w.attempt == attempt })
	if i < 0 {
		return nil
	}
	return s.Downloads[i]
}

// startPlanned runs a planned download, unless the user must accept a licence first.
func (s *Service) startPlanned(msg DownloadPlanned) tea.Cmd {
	w := s.find(msg.number, msg.attempt)
	switch {
	case w == nil || w.State != Planning:
		return nil
	case msg.err != nil:
		return s.handleError(w, msg.err)
	}
	w.plan = msg.plan
	if msg.plan.Name != "" {
		w.title = msg.plan.Name
	}
	switch {
	case w.plan.Installed != nil:
		s.drop(w)
		s.notify.Info(w.title + " is already installed")
		return s.load()
	case w.plan.NeedsAcceptance():
		w.State = AwaitingLicence
		return nil
	}
	return s.run(w)
}

// handleError keeps a failed download in the list and reports the error. It drops one that has
// no plan.
func (s *Service) handleError(w *Download, err error) tea.Cmd {
	switch {
	case errors.Is(err, errPaused):
		w.State = Paused
	case errors.Is(err, errCancelled), s.tasks.Context().Err() != nil:
	default:
		w.State, w.err = Broken, err
		if w.plan == nil {
			s.drop(w)
		}
		if w.prompt != nil { // to correct the path
			return func() tea.Msg { return kit.PromptFailed{Prompt: w.prompt, Err: err} }
		}
		s.notify.ErrorOf(w.cause(), err)
	}
	return nil
}

// cause names the download as the cause of its error.
func (w *Download) cause() string { return fmt.Sprint("download ", w.Number) }

// drop removes a download from the list.
func (s *Service) drop(w *Download) {
	s.notify.Solved(w.cause())
	s.Downloads = slices.DeleteFunc(s.Downloads, func(other *Download) bool { return other == w })
}

// run runs a planned download.
func (s *Service) run(w *Download) tea.Cmd {
	progress, pulls, plan := new(pull.Progress), s.pulls, w.plan
	return s.work(w, progress.Sample, func(ctx context.Context) (models.Model, error) { return pulls.Pull(ctx, plan, progress) })
}

// startImport starts importing a file.
func (s *Service) startImport(w *Download) tea.Cmd {
	w.attempt++
	w.err = nil
	var done, total atomic.Int64
	began := time.Now()
	sample := func() pull.Sample {
		at := pull.Sample{Done: done.Load(), Total: total.Load(), Left: -1}
		if took := time.Since(began); at.Done > 0 && took > 0 {
			at.Rate = float64(at.Done) / took.Seconds()
			at.Left = time.Duration(float64(at.Total-at.Done) / at.Rate * float64(time.Second))
		}
		return at
	}
	lib, path, folder, home := s.library, w.path, s.folder, s.home
	return s.work(w, sample, func(ctx context.Context) (models.Model, error) {
		// A file that was dropped on the terminal has a quoted path.
		if found := attach.Existing(attach.Dropped(w.typed), folder, home); len(found) == 1 {
			path = found[0]
		}
		return lib.Import(ctx, models.Import{Path: path, Progress: func(d, t int64) { done.Store(d); total.Store(t) }})
	})
}

// work runs a long job in a goroutine that Close waits for.
func (s *Service) work(w *Download, sample func() pull.Sample, do func(context.Context) (models.Model, error)) tea.Cmd {
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.State, w.stop, w.sample = Running, stop, sample
	ended := make(chan DownloadEnded, 1)
	msg := DownloadEnded{number: w.Number, attempt: w.attempt}
	s.tasks.Go(func() {
		defer stop(nil)
		defer func() {
			// Bubble Tea restores the terminal only after panics in its goroutines.
			if r := recover(); r != nil {
				slog.Error("panic in a download", "panic", r, "stack", string(debug.Stack()))
				msg.Err = fault.Errorf(fault.Internal, "the download ended because of a bug in bise: %v", r)
			}
			ended <- msg
		}()
		if msg.Model, msg.Err = do(ctx); msg.Err != nil && ctx.Err() != nil {
			msg.Err = context.Cause(ctx)
		}
	})
	return tea.Batch(func() tea.Msg { return <-ended }, s.sampleProgress())
}

// sampleInterval is the time between two progress updates.
const sampleInterval = 200 * time.Millisecond

// sampleProgress samples the running downloads after a moment.
func (s *Service) sampleProgress() tea.Cmd {
	samples := map[int]func() pull.Sample{}
	for _, w := range s.Downloads {
		if w.State == Running {
			samples[w.Number] = w.sample
		}
	}
	if s.watched || len(samples) == 0 {
		return nil
	}
	s.watched = true
	ctx := s.tasks.Context()
	return func() tea.Msg {
		select {
		case <-ctx.Done():
		case <-time.After(sampleInterval):
		}
		at := map[int]pull.Sample{}
		for number, sample := range samples {
			at[number] = sample()
		}
		return ProgressSampled{at}
	}
}

func (s *Service) updateProgress(msg ProgressSampled) tea.Cmd {
	s.watched = false
	for _, w := range s.Downloads {
		if at, ok := msg.Samples[w.Number]; ok && w.State == Running {
			w.Progress = at
		}
	}
	return s.sampleProgress()
}

// finish handles the end of a download.
func (s *Service) finish(msg DownloadEnded) tea.Cmd {
	w := s.find(msg.number, msg.attempt)
	if w == nil {
		return nil
	}
	if w.sample != nil {
		w.Progress = w.sample()
	}
	if msg.Err != nil {
		return s.handleError(w, msg.Err)
	}
	s.drop(w)
	return s.load()
}

// pause stops a download, which can be resumed.
func (s *Service) pause(w *Download) {
	if w.active() {
		w.State = Paused
		w.stop(errPaused)
	}
}

// cancel stops a download and removes it from the list. Its files stay until bise exits, so
// that this can be undone.
func (s *Service) cancel(w *Download) {
	if w.active() {
		w.stop(errCancelled)
	}
	w.State = Paused
	s.drop(w)
	s.cancelled = append(s.cancelled, w)
	s.notify.Undo(fmt.Sprintf("cancelled %q", kit.OneLine(w.title)), func() tea.Msg { return downloadRestored{w.Number} })
}

// resumeCancelled resumes a cancelled download.
func (s *Service) resumeCancelled(msg downloadRestored) tea.Cmd {
	i := slices.IndexFunc(s.cancelled, func(w *Download) bool { return w.Number == msg.number })
	if i < 0 {
		return nil
	}
	w := s.cancelled[i]
	s.cancelled = slices.Delete(s.cancelled, i, i+1)
	s.Downloads = append(s.Downloads, w)
	return s.resume(w)
}

// importChosen has the path of a model to import, and the prompt that asked for it.
type importChosen struct {
	path   string
	prompt *kit.Prompt
}

// completePath completes the path of a model to import.
func (s *Service) completePath(path string) (string, []string) {
	return attach.CompletePath(s.folder, s.home, path)
}

// importFile imports the model in a file or a folder.
func (s *Service) importFile(path string, prompt *kit.Prompt) tea.Cmd {
	if path = strings.TrimSpace(path); path == "" {
		return nil
	}
	typed := path
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(s.home, rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.folder, path)
	}
	s.number++
	w := &Download{Number: s.number, title: filepath.Base(path), path: path, typed: typed, prompt: prompt, State: Paused}
	s.Downloads = append(s.Downloads, w)
	return s.resume(w)
}

// status describes the progress of a download.
func (w *Download) status(width int) string {
	switch w.State {
	case Planning:
		return kit.Truncate("searching", width)
	case AwaitingLicence:
		return kit.Truncate("needs your agreement to its licence", width)
	case Paused:
		if w.Progress.Total > 0 {
			return kit.Truncate("paused at "+units.Part(w.Progress.Done, w.Progress.Total), width)
		}
		return kit.Truncate("paused", width)
	case Broken:
		msg, _ := kit.Explain(w.err)
		return kit.Truncate("✗ "+kit.OneLine(msg), width)
	}
	return strings.TrimLeft(kit.ProgressLine(w.activity(), w.Progress.Share(), w.Progress.AmountText(), width), " ")
}

// summary is status without numbers that change all the time.
func (w *Download) summary() string {
	if w.State == Running {
		return w.activity()
	}
	return w.status(kit.MaxColumns)
}

func (w *Download) activity() string {
	if w.path != "" {
		return "importing"
	}
	return w.Progress.StepText()
}

// ProgressLine describes the active downloads in one line; "" if there are none.
func (s *Service) ProgressLine(width int) string {
	var list []*Download
	for _, w := range s.Downloads {
		if w.active() {
			list = append(list, w)
		}
	}
	switch {
	case len(list) == 0:
		return ""
	case len(list) == 1:
		w := list[0]
		head := kit.OneLine(w.title)
		if w.State == Planning {
			return kit.Truncate(head+"  searching", width)
		}
		if w.path != "" {
			head += "  " + w.activity()
		}
		text, share, after := w.Progress.Line(head)
		return kit.ProgressLine(text, share, after, width)
	}
	all := pull.Sample{Left: -1}
	for _, w := range list {
		all.Done, all.Total, all.Rate = all.Done+w.Progress.Done, all.Total+max(0, w.Progress.Total), all.Rate+w.Progress.Rate
	}
	if all.Rate > 0 {
		all.Left = time.Duration(float64(all.Total-all.Done) / all.Rate * float64(time.Second))
	}
	return kit.ProgressLine(fmt.Sprintf("%d downloads ", len(list)), all.Share(), all.AmountText(), width)
}

// Interrupted lists the unfinished downloads at exit.
func (s *Service) Interrupted() []string {
	var lines []string
	for _, w := range s.Downloads {
		if w.attempt == 0 || w.path != "" || w.plan == nil {
			continue
		}
		line := kit.OneLine(w.title) + " was stopped"
		if w.Progress.Total > 0 {
			line += " at " + units.Part(w.Progress.Done, w.Progress.Total)
		}
		lines = append(lines, fmt.Sprintf("%s. Resume it in bise, or with %s.", line, kit.OneLine(w.Request.Command())))
	}
	return lines
}
