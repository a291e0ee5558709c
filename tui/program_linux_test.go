package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
)

// TestMain is also the program that other tests run on a terminal of their own.
func TestMain(m *testing.M) {
	if scene := os.Getenv("BISE_TEST_SCENE"); scene != "" {
		os.Exit(perform(scene))
	}
	os.Exit(m.Run())
}

// perform is the program: the interface on a scripted engine.
func perform(scene string) int {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	gate := make(chan struct{})
	s := &enginetest.Script{About: about, Replies: []enginetest.Reply{
		{enginetest.Text("The first half"), enginetest.Wait(gate)},
		{enginetest.Text("日本語 and 👩\u200d👩\u200d👧 and \u202eright to left\u202c.\n\n```go\nx := 1\n```")},
	}}
	o := scripted(s)
	path := filepath.Join(os.Getenv("BISE_TEST_FOLDER"), "history.db")
	o.History = func() (*history.Store, error) { return history.Open(path) }
	o.Getenv = os.Getenv
	o.Folder = os.Getenv("BISE_TEST_FOLDER")
	switch scene {
	case "panic":
		o.Getenv = func(name string) string { // where a message is copied
			if name == "HOME" {
				return ""
			}
			panic("a fault")
		}
	case "panicking engine":
		s.Replies = []enginetest.Reply{{enginetest.Do(func(context.Context) { panic("a fault") })}}
	case "dying worker":
		s.Replies = []enginetest.Reply{{enginetest.Text("half"), enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "the worker died", Advice: "Ask again."}}}}
	}
	if err := Run(ctx, o, os.Stdin, os.Stdout, os.Environ(), true); err != nil {
		fmt.Fprintln(os.Stderr, "failed:", err)
		return 1
	}
	if ctx.Err() != nil {
		return 130
	}
	return 0
}

// A seat is a person at a terminal with the program running in it.
type seat struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd
	before unix.Termios

	mu     sync.Mutex
	screen *vt.Emulator
	raw    bytes.Buffer
	wrote  chan struct{} // has room for one
	read   chan struct{} // closed when there is nothing more to read
}

func sit(t *testing.T, scene, folder string, width, height int) *seat {
	t.Helper()
	// Not blocking, so that closing it ends a read.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here: ", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skip("no pseudo-terminal can be opened: ", err)
	}
	master := os.NewFile(uintptr(fd), "/dev/ptmx")
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudo-terminal can be opened: ", err)
	}
	s := &seat{t: t, master: master, slave: slave, screen: vt.NewEmulator(width, height), wrote: make(chan struct{}, 1), read: make(chan struct{})}
	s.size(width, height)
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s.before = *settings
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.CommandContext(t.Context(), program)
	s.cmd.Env = append(os.Environ(), "BISE_TEST_SCENE="+scene, "BISE_TEST_FOLDER="+folder, "TERM=xterm-256color", "NO_COLOR=", "SSH_TTY=")
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		io.Copy(master, s.screen) // what the terminal answers
		close(answered)
	}()
	go s.watch()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		slave.Close()
		master.Close()
		<-s.read
		// Not Close, which is not for use while somebody reads.
		s.screen.InputPipe().(io.Closer).Close()
		<-answered
	})
	return s
}

func (s *seat) watch() {
	defer close(s.read)
	buf := make([]byte, 1<<16)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.screen.Write(buf[:n])
		s.raw.Write(buf[:n])
		s.mu.Unlock()
		select {
		case s.wrote <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

func (s *seat) size(width, height int) {
	unix.IoctlSetWinsize(int(s.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)})
}

// resize changes the terminal's size, and tells the program.
func (s *seat) resize(width, height int) {
	s.mu.Lock()
	s.screen.Resize(width, height)
	s.mu.Unlock()
	s.size(width, height)
	s.cmd.Process.Signal(syscall.SIGWINCH)
}

func (s *seat) frame() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// sees waits until a text is on the screen.
func (s *seat) sees(text string) {
	s.t.Helper()
	late := time.After(patience)
	for !strings.Contains(s.frame(), text) {
		select {
		case <-s.wrote:
		case <-late:
			s.t.Fatalf("%q never came; the screen:\n%s", text, s.frame())
		}
	}
}

func (s *seat) types(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// leaves waits for the program's end, and checks that the terminal is as it was.
func (s *seat) leaves(code int) {
	s.t.Helper()
	err := s.cmd.Wait()
	exit, _ := errors.AsType[*exec.ExitError](err)
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("it leaves with %d, want %d: %v\n%s", got, code, exit, s.frame())
	}
	now, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil || *now != s.before {
		s.t.Errorf("the terminal's settings are %+v, %v; before %+v", now, err, s.before)
	}
	s.slave.Close()
	<-s.read
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.raw.String()
	for _, pair := range []struct{ what, on, off string }{
		{"the other screen", "\x1b[?1049h", "\x1b[?1049l"},
		{"bracketed paste", "\x1b[?2004h", "\x1b[?2004l"},
		{"the mouse", "\x1b[?1002h", "\x1b[?1002l"},
		{"keyboard flags", "\x1b[>1u", "\x1b[<1u"},
	} {
		if on := strings.LastIndex(raw, pair.on); on >= 0 && strings.LastIndex(raw, pair.off) < on {
			s.t.Errorf("%s is left on", pair.what)
		}
	}
	if strings.LastIndex(raw, "\x1b[?25l") > strings.LastIndex(raw, "\x1b[?25h") {
		s.t.Error("the cursor is left hidden")
	}
}

func TestProgram(t *testing.T) {
	s := sit(t, "whole", t.TempDir(), 80, 24)
	s.sees("Ask anything")
	s.sees("Ministral 3 8B")
	s.types("tell me\r")
	s.sees("The first half")
	s.sees("esc stop")
	for i := range 60 {
		s.resize(30+i*2, 8+i%40)
	}
	s.resize(100, 30)
	s.sees("The first half")
	s.types("\x1b")
	s.sees("stopped · alt+c continue")
	s.types("and now?\r")
	s.sees("日本語 and 👩‍👩‍👧 and right to left.")
	s.sees("x := 1")
	s.types("\x1b[200~pasted \x1b[31mred\x1b[201~")
	s.sees("▍ pasted red")
	s.types("\x15")
	s.types("\x12") // ctrl+r
	s.sees("Conversations")
	s.types("half")
	s.sees("1 found")
	s.types("\x1b")
	s.sees("type to filter")
	s.types("\x1b")
	s.sees("Ask anything")
	s.types("\x03")
	s.leaves(0)
}

// TestTerminalIsGivenBack ends the program in every way that it can notice.
func TestTerminalIsGivenBack(t *testing.T) {
	for _, tt := range []struct {
		name, scene string
		end         func(*seat)
		code        int
	}{
		{"quit", "whole", func(s *seat) { s.types("\x03") }, 0},
		{"SIGTERM", "whole", func(s *seat) { s.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		{"SIGHUP", "whole", func(s *seat) { s.cmd.Process.Signal(syscall.SIGHUP) }, 130},
		{"SIGTERM while it streams", "whole", func(s *seat) {
			s.types("go\r")
			s.sees("The first half")
			s.cmd.Process.Signal(syscall.SIGTERM)
		}, 130},
		{"panic", "panic", func(s *seat) {
			s.types("go\r")
			s.sees("The first half")
			s.types("/copy\r")
		}, 1},
		{"panic of an engine", "panicking engine", func(s *seat) {
			s.types("go\r")
			s.sees("The answer ended because of a bug in bise")
			s.types("\x03")
		}, 0},
		{"death of a worker", "dying worker", func(s *seat) {
			s.types("go\r")
			s.sees("The worker died.")
			s.types("\x03")
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sit(t, tt.scene, t.TempDir(), 80, 24)
			s.sees("Ministral 3 8B")
			tt.end(s)
			s.leaves(tt.code)
		})
	}
}

// TestLostTerminal takes the terminal away, as a broken ssh does.
func TestLostTerminal(t *testing.T) {
	s := sit(t, "whole", t.TempDir(), 80, 24)
	s.sees("Ministral 3 8B")
	s.slave.Close()
	s.master.Close() // the kernel hangs up
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("it goes on without a terminal")
	}
}

// TestKilled kills the program while it writes an answer, and opens what is left.
func TestKilled(t *testing.T) {
	folder := t.TempDir()
	s := sit(t, "whole", folder, 80, 24)
	s.sees("Ministral 3 8B")
	s.types("tell me\r")
	s.sees("The first half")
	s.types("a draft")
	s.sees("▍ a draft")
	s.types("\x12") // the list of conversations shows what is written
	s.sees("❯ tell me")
	s.cmd.Process.Kill()
	s.cmd.Wait()

	store, err := history.Open(filepath.Join(folder, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	list, err := store.List(t.Context(), history.Conversation{}, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	path, err := store.Path(t.Context(), list[0].ID)
	if err != nil || len(path) != 2 || path[1].Content.Plain() != "The first half" {
		t.Errorf("%+v, %v", path, err)
	}
	if d := list[0].Draft; d != "a draft" {
		t.Errorf("the draft is %q", d)
	}
}

// TestNoTimer fails if Bubble Tea keeps its frame timer elsewhere, which would make an idle
// interface draw all the time.
func TestNoTimer(t *testing.T) {
	if replaceTimer(tea.NewProgram(nil)) == nil {
		t.Error("the timer of Bubble Tea cannot be replaced")
	}
}
