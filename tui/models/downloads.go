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

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// A Download brings a model here in the background: it is fetched, made of what was
// fetched, or taken in from a file. Several go on at once. It outlives the dialog in
// which it was begun, and what is left of it outlives bise.
type Download struct {
	Number  int
	try     int // counts the times it was begun
	title   string
	Request pull.Request
	path    string     // of a file that is taken in; "": it is pulled
	plan    *pull.Plan // nil until it is known what is to be done

	State    State
	Progress pull.Sample // how far it was when somebody looked last
	sample   func() pull.Sample
	err      error
	stop     context.CancelCauseFunc
}

type State int

const (
	Planning        State = iota // it is found out what is to be done
	AwaitingLicence              // somebody has to agree to the licence
	Running
	Paused
	Broken
)

// Why a download was stopped.
var (
	errPaused    = errors.New("paused")
	errCancelled = errors.New("cancelled")
)

// News of downloads.
type (
	unfinishedRead struct {
		list []pull.Unfinished
		err  error
	}
	DownloadPlanned struct {
		number, try int
		plan        *pull.Plan
		err         error
	}
	ProgressSampled struct{ Samples map[int]pull.Sample } // by number
	DownloadEnded   struct {
		number, try int
		Model       models.Model
		Err         error
	}
	downloadRestored struct{ number int }
	// pullWanted asks for a download that somebody was warned of.
	pullWanted struct {
		request pull.Request
		title   string
	}
)

// active reports whether something is being done.
func (w *Download) active() bool { return w.State == Planning || w.State == Running }

// takeUp shows what an earlier run has left.
func (s *Service) takeUp(msg unfinishedRead) {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return
	}
	for _, u := range msg.list {
		title := u.Plan.Title
		if title == "" {
			title = u.Plan.Name
		}
		s.number++
		s.Downloads = append(s.Downloads, &Download{Number: s.number, title: title, Request: u.Plan.Request, plan: u.Plan, State: Paused, Progress: u.At})
	}
	switch n := len(msg.list); {
	case n == 1:
		s.notify.Say(fmt.Sprintf("the download of %s can go on: %s", s.Downloads[0].title, s.look.Keys.Models.Help().Key))
	case n > 1:
		s.notify.Say(fmt.Sprintf("%d downloads can go on: %s", n, s.look.Keys.Models.Help().Key))
	}
}

// pull begins a download, or goes on with it.
func (s *Service) pull(r pull.Request, title string) tea.Cmd {
	for _, w := range s.Downloads {
		if w.Request.Ref == r.Ref && w.Request.Type == r.Type {
			w.Request = r
			return s.goOn(w)
		}
	}
	s.number++
	w := &Download{Number: s.number, title: title, Request: r, State: Paused}
	s.Downloads = append(s.Downloads, w)
	return s.goOn(w)
}

// goOn begins a download that rests: with the question what is to be done, as much
// may have changed since it was answered.
func (s *Service) goOn(w *Download) tea.Cmd {
	if w.active() || w.State == AwaitingLicence {
		return nil
	}
	if s.library == nil {
		s.fail(w, errors.New("there is nothing here that brings models"))
		return nil
	}
	if w.path != "" {
		return s.takeIn(w)
	}
	w.State, w.err = Planning, nil
	w.try++
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.stop = stop
	pulls, number, try, request := s.pulls, w.Number, w.try, w.Request
	return func() tea.Msg {
		msg := DownloadPlanned{number: number, try: try}
		msg.plan, msg.err = pulls.Plan(ctx, request)
		if cause := context.Cause(ctx); cause != nil {
			msg.err = cause
		}
		return msg
	}
}

// find is the download that news are of, nil when they are late.
func (s *Service) find(number, try int) *Download {
	i := slices.IndexFunc(s.Downloads, func(w *Download) bool { return w.Number == number && w.try == try })
	if i < 0 {
		return nil
	}
	return s.Downloads[i]
}

// planned goes on when it is known what is to be done. Where somebody has to agree
// first, it waits.
func (s *Service) planned(msg DownloadPlanned) tea.Cmd {
	w := s.find(msg.number, msg.try)
	switch {
	case w == nil || w.State != Planning:
		return nil
	case msg.err != nil:
		s.fail(w, msg.err)
		return nil
	}
	w.plan = msg.plan
	if msg.plan.Title != "" {
		w.title = msg.plan.Title
	}
	switch {
	case w.plan.Installed != nil:
		s.drop(w)
		s.notify.Say(w.title + " is installed already")
		return s.read()
	case w.plan.NeedsAcceptance():
		w.State = AwaitingLicence
		return nil
	}
	return s.run(w)
}

// fail keeps a download that did not come to its end, and tells why. One of which
// nothing was found out is none.
func (s *Service) fail(w *Download, err error) {
	switch {
	case errors.Is(err, errPaused):
		w.State = Paused
	case errors.Is(err, errCancelled), s.tasks.Context().Err() != nil:
	default:
		w.State, w.err = Broken, err
		if w.plan == nil {
			s.drop(w)
		}
		s.notify.Error(err)
	}
}

// drop takes a download from the list.
func (s *Service) drop(w *Download) {
	s.Downloads = slices.DeleteFunc(s.Downloads, func(other *Download) bool { return other == w })
}

// run does what the plan says.
func (s *Service) run(w *Download) tea.Cmd {
	progress, pulls, plan := new(pull.Progress), s.pulls, w.plan
	return s.work(w, progress.Sample, func(ctx context.Context) (models.Model, error) { return pulls.Pull(ctx, plan, progress) })
}

// takeIn begins to take in a file.
func (s *Service) takeIn(w *Download) tea.Cmd {
	w.try++
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
	known, path := s.library, w.path
	return s.work(w, sample, func(ctx context.Context) (models.Model, error) {
		return known.Import(ctx, models.Import{Path: path, Progress: func(d, t int64) { done.Store(d); total.Store(t) }})
	})
}

// work does something that takes long, in a goroutine for which the interface's end
// waits.
func (s *Service) work(w *Download, sample func() pull.Sample, do func(context.Context) (models.Model, error)) tea.Cmd {
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.State, w.stop, w.sample = Running, stop, sample
	ended := make(chan DownloadEnded, 1)
	msg := DownloadEnded{number: w.Number, try: w.try}
	s.tasks.Go(func() {
		defer stop(nil)
		defer func() {
			// Bubble Tea gives the terminal back only after panics of its own goroutines.
			if r := recover(); r != nil {
				slog.Error("panic while a model was brought", "panic", r, "stack", string(debug.Stack()))
				msg.Err = fault.Errorf(fault.Internal, "a fault of bise's own ended the download: %v", r)
			}
			ended <- msg
		}()
		if msg.Model, msg.Err = do(ctx); msg.Err != nil && ctx.Err() != nil {
			msg.Err = context.Cause(ctx)
		}
	})
	return tea.Batch(func() tea.Msg { return <-ended }, s.watch())
}

// lookEvery is how often it is looked how far downloads are.
const lookEvery = 200 * time.Millisecond

// watch looks in a moment how far downloads are, if any go on.
func (s *Service) watch() tea.Cmd {
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
		case <-time.After(lookEvery):
		}
		at := map[int]pull.Sample{}
		for number, sample := range samples {
			at[number] = sample()
		}
		return ProgressSampled{at}
	}
}

func (s *Service) looked(msg ProgressSampled) tea.Cmd {
	s.watched = false
	for _, w := range s.Downloads {
		if at, ok := msg.Samples[w.Number]; ok && w.State == Running {
			w.Progress = at
		}
	}
	return s.watch()
}

// ended takes the end of a download.
func (s *Service) ended(msg DownloadEnded) tea.Cmd {
	w := s.find(msg.number, msg.try)
	if w == nil {
		return nil
	}
	if w.sample != nil {
		w.Progress = w.sample()
	}
	if msg.Err != nil {
		s.fail(w, msg.Err)
		return nil
	}
	s.drop(w)
	return s.read()
}

// pause stops a download, which can go on later.
func (s *Service) pause(w *Download) {
	if w.active() {
		w.State = Paused
		w.stop(errPaused)
	}
}

// cancel stops a download and takes it from the list. What there is of it stays
// until bise is left, so that this can be undone.
func (s *Service) cancel(w *Download) {
	if w.active() {
		w.stop(errCancelled)
	}
	w.State = Paused
	s.drop(w)
	s.cancelled = append(s.cancelled, w)
	s.notify.Undo(fmt.Sprintf("cancelled %q", kit.OneLine(w.title)), func() tea.Msg { return downloadRestored{w.Number} })
}

// restored goes on with a download that was cancelled.
func (s *Service) restored(msg downloadRestored) tea.Cmd {
	i := slices.IndexFunc(s.cancelled, func(w *Download) bool { return w.Number == msg.number })
	if i < 0 {
		return nil
	}
	w := s.cancelled[i]
	s.cancelled = slices.Delete(s.cancelled, i, i+1)
	s.Downloads = append(s.Downloads, w)
	return s.goOn(w)
}

// importChosen is a path from which a model is to be taken in.
type importChosen struct{ path string }

// importFile takes in the model in a file or a folder.
func (s *Service) importFile(path string) tea.Cmd {
	if path = strings.TrimSpace(path); path == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(s.home, rest)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.folder, path)
	}
	s.number++
	w := &Download{Number: s.number, title: filepath.Base(path), path: path, State: Paused}
	s.Downloads = append(s.Downloads, w)
	return s.goOn(w)
}

// status says how a download is, without its name.
func (w *Download) status(width int) string {
	switch w.State {
	case Planning:
		return kit.Truncate("looking for it", width)
	case AwaitingLicence:
		return kit.Truncate("its licence is to be read first", width)
	case Paused:
		if w.Progress.Total > 0 {
			return kit.Truncate("paused at "+units.Part(w.Progress.Done, w.Progress.Total), width)
		}
		return kit.Truncate("paused", width)
	case Broken:
		msg, _ := kit.Explain(w.err)
		return kit.Truncate("✗ "+kit.OneLine(msg), width)
	}
	return strings.TrimLeft(kit.ProgressLine(w.doing(), w.Progress.Share(), w.Progress.AmountText(), width), " ")
}

// said is status without what changes all the time.
func (w *Download) said() string {
	if w.State == Running {
		return w.doing()
	}
	return w.status(kit.MaxColumns)
}

func (w *Download) doing() string {
	if w.path != "" {
		return "reading"
	}
	return w.Progress.StepText()
}

// ProgressLine says how the downloads are that go on, in a line of the frame; "" while none
// does.
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
			return kit.Truncate(head+"  looking for it", width)
		}
		if w.path != "" {
			head += "  reading"
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

// Interrupted says what the downloads have left that bise's end has stopped.
func (s *Service) Interrupted() []string {
	var lines []string
	for _, w := range s.Downloads {
		if w.try == 0 || w.path != "" || w.plan == nil {
			continue
		}
		line := kit.OneLine(w.title) + " was stopped"
		if w.Progress.Total > 0 {
			line += " at " + units.Part(w.Progress.Done, w.Progress.Total)
		}
		lines = append(lines, fmt.Sprintf("%s. Continue in bise, or with %s.", line, kit.OneLine(w.Request.Command())))
	}
	return lines
}
