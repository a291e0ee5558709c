package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestKindAndCauseSurviveWrapping(t *testing.T) {
	err := fmt.Errorf("ask: %w", Errorf(Network, "reach %s: %w", "lab", io.ErrUnexpectedEOF))
	if got := KindOf(err); got != Network {
		t.Errorf("the kind is %q, want %q", got, Network)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if want := "ask: reach lab: unexpected EOF"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	for _, err := range []error{nil, io.EOF} {
		if got := KindOf(err); got != "" {
			t.Errorf("%v has the kind %q", err, got)
		}
	}
}

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, ExitOK},
		{io.EOF, ExitModel},
		{Errorf(Negative, "no"), ExitNo},
		{Errorf(Usage, "unknown flag"), ExitUsage},
		{fmt.Errorf("load: %w", Errorf(NoMemory, "no memory")), ExitModel},
		{Errorf(Denied, "unauthorized"), ExitNetwork},
		{Errorf(Licence, "not accepted"), ExitLicence},
		{Errorf(Interrupted, "interrupted"), ExitInterrupted},
	} {
		if got := ExitCode(c.err); got != c.want {
			t.Errorf("%v exits with %d, want %d", c.err, got, c.want)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err             error
		message, advice string
	}{
		{io.EOF, "EOF.", ""},
		{Errorf(Closed, "the engine is closed"), "the engine is closed.", "Try again."},
		{&Error{Kind: Closed, Msg: "why?", Advice: "Wait"}, "why?", "Wait."},
		{fmt.Errorf("load x: %w", Advise(io.EOF, "Use %s.", "y")), "load x: EOF.", "Use y."},
		{errors.Join(io.ErrShortWrite, io.ErrShortWrite), "short write.", ""},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), "timed out: ask: context deadline exceeded.", ""},
	} {
		message, advice := Explain(c.err)
		if message != c.message || advice != c.advice {
			t.Errorf("%v is explained as %q and %q, want %q and %q", c.err, message, advice, c.message, c.advice)
		}
	}
}

// TestExplainInside checks that the interface gets no advice for a shell.
func TestExplainInside(t *testing.T) {
	for _, c := range []struct {
		err    error
		advice string
	}{
		{io.EOF, ""},
		{Errorf(Closed, "the engine is closed"), "Try again."},
		{Errorf(NoMemory, "too big"), "Close other programs, or choose a smaller model."},
		{Advise(Errorf(NotFound, "no model"), "Download it: bise pull x."), "Choose a model in the list of models."},
		{Advise(Errorf(BadData, "damaged"), "Save what is readable with bise history export."), ""},
		{Advise(io.EOF, "Check the path. Choose another name with --name."), "Check the path."},
		{Advise(io.EOF, "Stop it with `bise stop`, then ask again."), ""},
		{Advise(io.EOF, "bise reads GGUF files."), "bise reads GGUF files."},
		{Advise(io.EOF, "Set HTTPS_PROXY. It is well-known."), "Set HTTPS_PROXY. It is well-known."},
	} {
		if _, advice := ExplainInside(c.err); advice != c.advice {
			t.Errorf("the advice for %v is %q, want %q", c.err, advice, c.advice)
		}
	}
}

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{"it broke": "it broke.", "it broke.": "it broke.", "why?": "why?", "": ""} {
		if got := Sentence(in); got != want {
			t.Errorf("Sentence(%q) = %q, want %q", in, got, want)
		}
	}
}
