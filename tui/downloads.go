package tui

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

	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// A download brings a model here in the background: it is fetched, made of what was
// fetched, or taken in from a file. Several go on at once. It outlives the dialog in
// which it was begun, and what is left of it outlives bise.
type download struct {
	number  int
	try     int // counts the times it was begun
	title   string
	request pull.Request
	path    string     // of a file that is taken in; "": it is pulled
	plan    *pull.Plan // nil until it is known what is to be done

	state  downloadState
	at     pull.Sample // how far it was when somebody looked last
	sample func() pull.Sample
	err    error
	stop   context.CancelCauseFunc
}

type downloadState int

const (
	seeking downloadState = iota // it is found out what is to be done
	asking                       // somebody has to agree to the licence
	coming
	paused
	broke
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
	downloadPlanned struct {
		number, try int
		plan        *pull.Plan
		err         error
	}
	downloadsLooked struct{ at map[int]pull.Sample } // by number
	downloadEnded   struct {
		number, try int
		model       models.Model
		err         error
	}
	downloadRestored struct{ download *download }
	// pullWanted asks for a download that somebody was warned of.
	pullWanted struct {
		request pull.Request
		title   string
	}
)

// active reports whether something is being done.
func (w *download) active() bool { return w.state == seeking || w.state == coming }

// takeUp shows what an earlier run has left.
func (s *shelf) takeUp(msg unfinishedRead) {
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
		s.downloads = append(s.downloads, &download{number: s.number, title: title, request: u.Plan.Request, plan: u.Plan, state: paused, at: u.At})
	}
	switch n := len(msg.list); {
	case n == 1:
		s.notify.Say(fmt.Sprintf("the download of %s can go on: %s", s.downloads[0].title, s.look.Keys.Models.Help().Key))
	case n > 1:
		s.notify.Say(fmt.Sprintf("%d downloads can go on: %s", n, s.look.Keys.Models.Help().Key))
	}
}

// pull begins a download, or goes on with it.
func (s *shelf) pull(r pull.Request, title string) tea.Cmd {
	for _, w := range s.downloads {
		if w.request.Ref == r.Ref && w.request.Type == r.Type {
			w.request = r
			return s.goOn(w)
		}
	}
	s.number++
	w := &download{number: s.number, title: title, request: r, state: paused}
	s.downloads = append(s.downloads, w)
	return s.goOn(w)
}

// goOn begins a download that rests: with the question what is to be done, as much
// may have changed since it was answered.
func (s *shelf) goOn(w *download) tea.Cmd {
	if w.active() || w.state == asking {
		return nil
	}
	if s.library == nil {
		s.fail(w, errors.New("there is nothing here that brings models"))
		return nil
	}
	if w.path != "" {
		return s.takeIn(w)
	}
	w.state, w.err = seeking, nil
	w.try++
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.stop = stop
	pulls, number, try, request := s.pulls, w.number, w.try, w.request
	return func() tea.Msg {
		msg := downloadPlanned{number: number, try: try}
		msg.plan, msg.err = pulls.Plan(ctx, request)
		if cause := context.Cause(ctx); cause != nil {
			msg.err = cause
		}
		return msg
	}
}

// find is the download that news are of, nil when they are late.
func (s *shelf) find(number, try int) *download {
	i := slices.IndexFunc(s.downloads, func(w *download) bool { return w.number == number && w.try == try })
	if i < 0 {
		return nil
	}
	return s.downloads[i]
}

// planned goes on when it is known what is to be done. Where somebody has to agree
// first, it waits.
func (s *shelf) planned(msg downloadPlanned) tea.Cmd {
	w := s.find(msg.number, msg.try)
	switch {
	case w == nil || w.state != seeking:
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
		s.notify.Say(w.title + " is here already")
		return s.read()
	case w.plan.NeedsYes():
		w.state = asking
		return nil
	}
	return s.run(w)
}

// fail keeps a download that did not come to its end, and tells why. One of which
// nothing was found out is none.
func (s *shelf) fail(w *download, err error) {
	switch {
	case errors.Is(err, errPaused):
		w.state = paused
	case errors.Is(err, errCancelled), s.tasks.Context().Err() != nil:
	default:
		w.state, w.err = broke, err
		if w.plan == nil {
			s.drop(w)
		}
		s.notify.Error(err)
	}
}

// drop takes a download from the list.
func (s *shelf) drop(w *download) {
	s.downloads = slices.DeleteFunc(s.downloads, func(other *download) bool { return other == w })
}

// run does what the plan says.
func (s *shelf) run(w *download) tea.Cmd {
	progress, pulls, plan := new(pull.Progress), s.pulls, w.plan
	return s.work(w, progress.Sample, func(ctx context.Context) (models.Model, error) { return pulls.Pull(ctx, plan, progress) })
}

// takeIn begins to take in a file.
func (s *shelf) takeIn(w *download) tea.Cmd {
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
func (s *shelf) work(w *download, sample func() pull.Sample, do func(context.Context) (models.Model, error)) tea.Cmd {
	ctx, stop := context.WithCancelCause(s.tasks.Context())
	w.state, w.stop, w.sample = coming, stop, sample
	ended := make(chan downloadEnded, 1)
	msg := downloadEnded{number: w.number, try: w.try}
	s.tasks.Go(func() {
		defer stop(nil)
		defer func() {
			// Bubble Tea gives the terminal back only after panics of its own goroutines.
			if r := recover(); r != nil {
				slog.Error("panic while a model was brought", "panic", r, "stack", string(debug.Stack()))
				msg.err = fault.Errorf(fault.Internal, "a fault of bise's own ended the download: %v", r)
			}
			ended <- msg
		}()
		if msg.model, msg.err = do(ctx); msg.err != nil && ctx.Err() != nil {
			msg.err = context.Cause(ctx)
		}
	})
	return tea.Batch(func() tea.Msg { return <-ended }, s.watch())
}

// lookEvery is how often it is looked how far downloads are.
const lookEvery = 200 * time.Millisecond

// watch looks in a moment how far downloads are, if any go on.
func (s *shelf) watch() tea.Cmd {
	samples := map[int]func() pull.Sample{}
	for _, w := range s.downloads {
		if w.state == coming {
			samples[w.number] = w.sample
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
		return downloadsLooked{at}
	}
}

func (s *shelf) looked(msg downloadsLooked) tea.Cmd {
	s.watched = false
	for _, w := range s.downloads {
		if at, ok := msg.at[w.number]; ok && w.state == coming {
			w.at = at
		}
	}
	return s.watch()
}

// ended takes the end of a download.
func (s *shelf) ended(msg downloadEnded) tea.Cmd {
	w := s.find(msg.number, msg.try)
	if w == nil {
		return nil
	}
	if w.sample != nil {
		w.at = w.sample()
	}
	if msg.err != nil {
		s.fail(w, msg.err)
		return nil
	}
	s.drop(w)
	return s.read()
}

// pause stops a download, which can go on later.
func (s *shelf) pause(w *download) {
	if w.active() {
		w.state = paused
		w.stop(errPaused)
	}
}

// cancel stops a download and takes it from the list. What there is of it stays
// until bise is left, so that this can be undone.
func (s *shelf) cancel(w *download) {
	if w.active() {
		w.stop(errCancelled)
	}
	w.state = paused
	s.drop(w)
	if w.plan != nil {
		s.cancelled = append(s.cancelled, w.plan)
	}
	s.notify.Undo(fmt.Sprintf("cancelled %q", kit.OneLine(w.title)), func() tea.Msg { return downloadRestored{w} })
}

// restored goes on with a download that was cancelled.
func (s *shelf) restored(msg downloadRestored) tea.Cmd {
	w := msg.download
	s.cancelled = slices.DeleteFunc(s.cancelled, func(p *pull.Plan) bool { return p == w.plan })
	s.downloads = append(s.downloads, w)
	return s.goOn(w)
}

// importChosen is a path from which a model is to be taken in.
type importChosen struct{ path string }

// importFile takes in the model in a file or a folder.
func (s *shelf) importFile(path string) tea.Cmd {
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
	w := &download{number: s.number, title: filepath.Base(path), path: path, state: paused}
	s.downloads = append(s.downloads, w)
	return s.goOn(w)
}

// status says how a download is, without its name.
func (w *download) status(width int) string {
	switch w.state {
	case seeking:
		return kit.Truncate("looking for it", width)
	case asking:
		return kit.Truncate("its licence is to be read first", width)
	case paused:
		if w.at.Total > 0 {
			return kit.Truncate("paused at "+units.Part(w.at.Done, w.at.Total), width)
		}
		return kit.Truncate("paused", width)
	case broke:
		msg, _ := kit.Explain(w.err)
		return kit.Truncate("✗ "+kit.OneLine(msg), width)
	}
	return strings.TrimLeft(kit.ProgressLine(w.doing(), w.at.Share(), w.at.Amount(), width), " ")
}

// said is status without what changes all the time.
func (w *download) said() string {
	if w.state == coming {
		return w.doing()
	}
	return w.status(kit.MaxColumns)
}

func (w *download) doing() string {
	if w.path != "" {
		return "reading"
	}
	return w.at.Doing()
}

// line says how the downloads are that go on, in a line of the frame; "" while none
// does.
func (s *shelf) line(width int) string {
	var list []*download
	for _, w := range s.downloads {
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
		if w.state == seeking {
			return kit.Truncate(head+"  looking for it", width)
		}
		if doing := w.doing(); doing != "" {
			head += "  " + doing
		}
		if w.at.Total <= 0 {
			return kit.Truncate(head+"  "+w.at.Amount(), width)
		}
		return kit.ProgressLine(head+" ", w.at.Share(), w.at.Amount(), width)
	}
	all := pull.Sample{Left: -1}
	for _, w := range list {
		all.Done, all.Total, all.Rate = all.Done+w.at.Done, all.Total+max(0, w.at.Total), all.Rate+w.at.Rate
	}
	if all.Rate > 0 {
		all.Left = time.Duration(float64(all.Total-all.Done) / all.Rate * float64(time.Second))
	}
	return kit.ProgressLine(fmt.Sprintf("%d downloads ", len(list)), all.Share(), all.Amount(), width)
}

// left says what the downloads have left that bise's end has stopped.
func (s *shelf) left() []string {
	var lines []string
	for _, w := range s.downloads {
		if w.try == 0 || w.path != "" || w.plan == nil {
			continue
		}
		line := kit.OneLine(w.title) + " was stopped"
		if w.at.Total > 0 {
			line += " at " + units.Part(w.at.Done, w.at.Total)
		}
		lines = append(lines, fmt.Sprintf("%s. bise goes on with it, or bise pull %s.", line, kit.OneLine(w.request.Ref)))
	}
	return lines
}
