package code

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/fim"
)

// session makes a session that ends with the test.
func session(t *testing.T, e engine.Engine, o Options) *Session {
	t.Helper()
	s := New(t.Context(), e, o)
	t.Cleanup(s.Close)
	return s
}

// completions are the requests to complete that an engine got.
func completions(s *enginetest.Script) (out []engine.CompletionRequest) {
	for _, r := range s.Requests() {
		if r.Complete != nil {
			out = append(out, *r.Complete)
		}
	}
	return out
}

// size is how many tokens a prompt has, without those that stand around its parts.
func size(t *testing.T, e engine.Engine, r engine.CompletionRequest) int {
	t.Helper()
	tokens, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Text: new(r.Prompt + r.Suffix)})
	if err != nil {
		t.Fatal(err)
	}
	return len(tokens.IDs)
}

func complete(t *testing.T, s *Session, p Place) Completion {
	t.Helper()
	c, err := s.Complete(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComplete(t *testing.T) {
	e := enginetest.Says("\treturn ", "a + b", "\n}\n")
	s := session(t, e, Options{})
	c := complete(t, s, at(t, "add.go", "package add\n\nfunc add(a, b int) int {\n\t¦\n}\n"))
	if c.Text != "return a + b" || c.Cached {
		t.Errorf("completion %+v", c)
	}
	r := completions(e)[0]
	// An empty line is filled in from its beginning.
	if r.Prompt != "package add\n\nfunc add(a, b int) int {\n" || r.Suffix != "\n}\n" {
		t.Errorf("prompt %q, suffix %q", r.Prompt, r.Suffix)
	}
	if *r.Temperature != 0 || *r.MaxTokens != defaultMaxTokens {
		t.Errorf("sampling %+v", r.Sampling)
	}
}

// TestEnds checks where completions end that leave the block of the cursor.
func TestEnds(t *testing.T) {
	const loop = "def total(l):\n    s = 0\n    for x in l:\n        ¦\n"
	for _, tt := range []struct {
		name, text string
		written    []string
		want       string
	}{
		{"the return after a loop", loop, []string{"        s", " += x\n", "    return", " s", "\n\n\n", "def main():\n", "    pass"}, "s += x\n    return s"},
		{"the return that the file has", loop + "    return s\n", []string{"        s += x\n    return s", "\n"}, "s += x"},
		{"a text that is less indented than the cursor", "def total(l):\n    for x in l:\n        s += x\n        ¦\n", []string{"    return s\n"}, ""},
	} {
		s := session(t, enginetest.Says(tt.written...), Options{})
		if c := complete(t, s, at(t, "total.py", tt.text)); c.Text != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, c.Text, tt.want)
		}
	}
}

// TestEmptyBlock checks that a model that leaves an empty block is asked again, with the
// indentation of the cursor.
func TestEmptyBlock(t *testing.T) {
	for _, tt := range []struct {
		name, text        string
		written, indented string // without and with the indentation in the prompt
		want              string
		asked             int
	}{
		{"tab, indented", "func f() {\n\t¦\n}\n", "\treturn a\n}\n", "", "return a", 1},
		{"tab, not indented", "func f() {\n\t¦\n}\n", "func main() {\n}\n", "return a\n}\n", "return a", 2},
		{"tab, the end of the block", "func f() {\n\t¦\n}\n", "}\n", "x()\n\treturn a\n}\n", "x()\n\treturn a", 2},
		{"tabs, in a loop", "func f() {\n\tfor {\n\t\t¦\n\t}\n}\n", "\treturn a\n}\n", "x()\n\t}\n", "x()", 2},
		{"spaces, indented", "def f():\n    ¦\n", "    if x:\n        return 1\n", "", "if x:\n        return 1", 1},
		{"spaces, not indented", "def f():\n    ¦\n", "def g():\n", "if x:\n        return 1\n\ndef g():", "if x:\n        return 1", 2},
		{"spaces, less indented", "def f():\n    ¦\n", "  return 1\n", "return 1\n", "return 1", 2},
		{"deeper than the cursor", "def f():\n  ¦\n", "    return 1\n", "", "  return 1", 1},
		{"deeper than the cursor the second time", "def f():\n  ¦\n", "f()\n", "  return 1\n", "  return 1", 2},
		{"never indented", "def f():\n    ¦\n", "", "", "", 1},
		{"a block that has a line", "func f() {\n\tx()\n\t¦\n}\n", "func main() {\n}\n", "y()\n", "", 1},
		{"the top level", "x = 1\n¦\n", "y = 2\n", "", "y = 2", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := at(t, "f", tt.text)
			e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
				if r.Complete.Prompt == p.Text[:p.line()] {
					return enginetest.Reply{enginetest.Text(tt.written)}
				}
				return enginetest.Reply{enginetest.Text(tt.indented)}
			}}
			s := session(t, e, Options{})
			if c := complete(t, s, p); c.Text != tt.want {
				t.Errorf("got %q, want %q", c.Text, tt.want)
			}
			all := completions(e)
			if last := all[len(all)-1].Prompt; len(all) != tt.asked || tt.asked == 2 && last != p.Text[:p.At] {
				t.Errorf("asked %d times, the last time %q; want %d", len(all), last, tt.asked)
			}
			if c := complete(t, s, p); c.Text != tt.want || !c.Cached {
				t.Errorf("then the cache has %+v", c)
			}
		})
	}
}

// TestAlternativesInEmptyBlock checks that only those that leave the block are made again.
func TestAlternativesInEmptyBlock(t *testing.T) {
	p := at(t, "f.go", "func f() {\n\t¦\n}\n")
	e := &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		if r.Complete.Prompt == p.Text[:p.At] {
			return enginetest.Reply{enginetest.Text("again()\n")}
		}
		return enginetest.Reply{enginetest.Text([]string{"\tone()\n", "func g() {", "\ttwo()\n"}[choice])}
	}}
	list, err := session(t, e, Options{}).Alternatives(t.Context(), p, 3)
	if err != nil || len(list) != 2 || list[0].Text != "again()" || list[1].Text != "two()" {
		t.Errorf("alternatives %+v, %v", list, err)
	}
	all := completions(e)
	if last := all[len(all)-1]; last.N != 1 {
		t.Errorf("%d are made again", last.N)
	}
}

// TestTypingAlong checks that a completion is asked for once, and served while it
// is typed, also when the editor closes brackets by itself.
func TestTypingAlong(t *testing.T) {
	e := enginetest.Says("f(a, b)", "\n}")
	s := session(t, e, Options{})
	text := "func g() {\n\tx := ¦\n}\n"
	for _, typed := range []struct{ in, tail, want string }{
		{"", "", "f(a, b)"}, {"f", "", "(a, b)"}, {"f(", ")", "a, b"}, {"f(a, ", ")", "b"}, {"f(a, b)", "", ""},
	} {
		c := complete(t, s, at(t, "g.go", strings.Replace(text, "¦", typed.in+"¦"+typed.tail, 1)))
		if c.Text != typed.want && typed.want != "" || c.Cached != (typed.in != "" && typed.want != "") {
			t.Errorf("after %q: %+v, want %q", typed.in, c, typed.want)
		}
	}
	if n := len(completions(e)); n != 2 { // the first, and what comes after all of it
		t.Errorf("the model was asked %d times", n)
	}
	complete(t, s, at(t, "g.go", strings.Replace(text, "¦", "no¦", 1)))
	if n := len(completions(e)); n != 3 {
		t.Errorf("after another word the model was asked %d times", n)
	}
	if c := complete(t, s, at(t, "other.go", strings.Replace(text, "¦", "f¦", 1))); c.Cached {
		t.Error("another file's completion was served")
	}
}

// TestKeystroke checks that what a key costs is that key: the prompt of the next
// is the one before and what was typed, whatever the editor does behind the
// cursor.
func TestKeystroke(t *testing.T) {
	e := enginetest.Says("z")
	s := session(t, e, Options{})
	body := strings.Repeat("func f() {\n\treturn 1\n}\n\n", 40)
	var last engine.CompletionRequest
	for i, line := range []string{"\tx", "\txy", "\txy(¦)", "\txy(a", "\txy(a)", "\txy(a)\n\t", "\txy(a)\n\tq"} {
		before, tail, _ := strings.Cut(line, "¦")
		text := body + "func main() {\n" + before
		complete(t, s, Place{File: "m.go", Text: text + tail + "\n}\n" + body, At: len(text)})
		r := completions(e)[i]
		if i > 0 && (r.Suffix != last.Suffix || !strings.HasPrefix(r.Prompt, strings.TrimRight(last.Prompt, "\t"))) {
			t.Errorf("key %d: the prompt is not the last one and more", i)
		}
		last = r
	}
	// A change before or behind what is being typed begins another burst.
	for _, text := range []string{"// new\n" + body + "x¦\n}\n" + body, body + "x¦\n// new\n}\n" + body} {
		p := at(t, "m.go", text)
		complete(t, s, p)
		all := completions(e)
		if r := all[len(all)-1]; r.Prompt != p.Text[:p.At] || r.Suffix != p.after() {
			t.Error("the model does not see the change")
		}
	}
}

func TestWindows(t *testing.T) {
	e := enginetest.Says("z")
	s := session(t, e, Options{Tokens: 400})
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "line%d()\n", i)
	}
	text := b.String()
	at := strings.Index(text, "line500")
	complete(t, s, Place{File: "x", Text: text, At: at})
	r := completions(e)[0]
	if n := size(t, e, r); n > 400 || n < 200 {
		t.Errorf("the prompt has %d tokens", n)
	}
	if !strings.HasPrefix(r.Prompt, "line4") || !strings.HasSuffix(r.Prompt, "line499()\n") || !strings.HasPrefix(r.Suffix, "line500()\n") || !strings.HasSuffix(r.Suffix, ")\n") {
		t.Errorf("prompt %q, suffix %q", r.Prompt, r.Suffix)
	}
	// One line longer than everything is cut within, at a rune.
	long := strings.Repeat("é", 5000)
	complete(t, s, Place{File: "min.js", Text: long, At: 5000})
	r = completions(e)[1]
	if n := size(t, e, r); n > 400 || strings.ContainsRune(r.Prompt+r.Suffix, '\uFFFD') || r.Prompt == "" {
		t.Errorf("of a long line, prompt %q, suffix %q", r.Prompt, r.Suffix)
	}
}

func TestTooLittleRoom(t *testing.T) {
	e := &smaller{Script: enginetest.Says("z"), limit: 300}
	s := session(t, e, Options{MaxTokens: 20})
	text := strings.Repeat("abc\n", 500)
	if c := complete(t, s, Place{File: "x", Text: text, At: 1000}); c.Text != "z" {
		t.Errorf("completion %+v", c)
	}
}

// smaller is an engine whose context turns out to be smaller than it said.
type smaller struct {
	*enginetest.Script
	limit int
}

func (s *smaller) Complete(ctx context.Context, r engine.CompletionRequest) seq {
	if n := len(r.Prompt) + len(r.Suffix); n > s.limit {
		return func(yield func(engine.Event, error) bool) { yield(nil, engine.ErrTooLong(n, s.limit)) }
	}
	return s.Script.Complete(ctx, r)
}

type seq = iter.Seq2[engine.Event, error]

// TestRing checks that the model sees what the person has been at elsewhere.
func TestRing(t *testing.T) {
	e := enginetest.Says("z")
	s := session(t, e, Options{})
	s.Visit(at(t, "user.go", "package user\n\ntype User struct{ Name string }¦\n"))
	complete(t, s, at(t, "main.go", "package main\n\nvar u = ¦\n"))
	want := "+++++ user.go\npackage user\n\ntype User struct{ Name string }\n\n+++++ main.go\npackage main\n\nvar u = "
	if r := completions(e)[0]; r.Prompt != want {
		t.Errorf("prompt %q\nwant %q", r.Prompt, want)
	}
	// What was left is remembered, and not told twice.
	complete(t, s, at(t, "other.go", "package other\n\nfunc f() {}\n¦"))
	s.Visit(at(t, "user.go", "package user\n\ntype User struct{ Name string }¦\n"))
	complete(t, s, at(t, "third.go", "package third\n¦"))
	all := completions(e)
	r := all[len(all)-1]
	for _, file := range []string{"user.go", "main.go", "other.go", "third.go"} {
		if n := strings.Count(r.Prompt, "+++++ "+file); n != 1 {
			t.Errorf("%s is there %d times", file, n)
		}
	}
	if m, u, o := strings.Index(r.Prompt, "main.go"), strings.Index(r.Prompt, "user.go"), strings.Index(r.Prompt, "other.go"); m > u || u > o {
		t.Error("the latest does not come last")
	}
}

func TestFiles(t *testing.T) {
	text := strings.Repeat("func a() {}\n", 100)
	for _, tt := range []struct {
		tokens int
		want   string // of each file, how much: nothing, half or all
	}{{4000, "all all"}, {2000, "half all"}, {800, "nothing half"}} {
		e := enginetest.Says("z")
		s := session(t, e, Options{Tokens: tt.tokens, Files: []fim.File{{Name: "a.go", Text: text}, {Name: "b.go", Text: text}}})
		complete(t, s, at(t, "c.go", "package c¦\n"))
		r := completions(e)[0]
		got := ""
		for _, name := range []string{"a.go", "b.go"} {
			_, rest, _ := strings.Cut(r.Prompt, "+++++ "+name+"\n")
			rest, _, _ = strings.Cut(rest, "+++++")
			switch n := strings.Count(rest, "func"); n {
			case 0:
				got += "nothing "
			case 100:
				got += "all "
			default:
				got += "half "
			}
		}
		if n := size(t, e, r); got != tt.want+" " || n > tt.tokens {
			t.Errorf("of %d tokens the files got %q in a prompt of %d, want %q", tt.tokens, got, n, tt.want)
		}
	}
}

func TestSpeculation(t *testing.T) {
	text := "func g() {\n\t¦\n}\n"
	said := map[string]string{"": "\ta()", "\ta()": "\n\tb()"}
	asked := make(chan string, 8)
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		_, typed, _ := strings.Cut(r.Text(), "func g() {\n")
		asked <- typed
		return enginetest.Reply{enginetest.Text(said[typed])}
	}}
	s := session(t, e, Options{Speculate: true})
	if c := complete(t, s, at(t, "g.go", text)); c.Text != "a()" {
		t.Fatalf("completion %+v", c)
	}
	<-asked
	if typed := <-asked; typed != "\ta()" {
		t.Errorf("what is computed ahead comes after %q", typed)
	}
	// It is there when it is accepted, or as soon as it is ready.
	if c := complete(t, s, at(t, "g.go", strings.Replace(text, "¦", "a()¦", 1))); c.Text != "\n\tb()" || !c.Cached {
		t.Errorf("the next completion is %+v", c)
	}
}

// TestReadingAhead checks that when nothing happens the windows move to where the
// person is, and that the model has read them before it is needed.
func TestReadingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := enginetest.Says("z")
		s := session(t, e, Options{Idle: time.Second})
		complete(t, s, at(t, "g.go", "f(¦\n}\n"))
		complete(t, s, at(t, "g.go", "f(x¦)\n}\n")) // the bracket is not seen yet
		if r := completions(e)[1]; r.Suffix != "\n}\n" {
			t.Errorf("suffix %q", r.Suffix)
		}
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		if n := len(completions(e)); n != 2 {
			t.Fatalf("there are %d requests before anything is idle", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		all := completions(e)
		if len(all) != 3 || *all[2].MaxTokens != 0 || all[2].Suffix != ")\n}\n" {
			t.Fatalf("requests %+v", all)
		}
		complete(t, s, at(t, "g.go", "f(xy¦)\n}\n"))
		all = completions(e)
		if r := all[3]; r.Suffix != ")\n}\n" || r.Prompt != "f(xy" {
			t.Errorf("after it, prompt %q, suffix %q", r.Prompt, r.Suffix)
		}
	})
}

// TestPatience checks that a slow model is first given little to read.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &slow{Script: enginetest.Says("z"), pace: 10 * time.Millisecond}
		s := session(t, e, Options{PromptTime: 10 * time.Second, Idle: time.Second})
		text := strings.Repeat("abcdefg\n", 1000)
		for i, want := range []int{fewTokens, 1000} {
			complete(t, s, Place{File: fmt.Sprint(i), Text: text, At: 4000})
			if r := completions(e.Script)[i]; len(r.Prompt)+len(r.Suffix) > want || len(r.Prompt)+len(r.Suffix) < want*3/4 {
				t.Errorf("request %d has %d tokens, want about %d", i, len(r.Prompt)+len(r.Suffix), want)
			}
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		all := completions(e.Script)
		if r := all[len(all)-1]; *r.MaxTokens != 0 || len(r.Prompt)+len(r.Suffix) < 4000 {
			t.Errorf("what is read ahead has %d tokens", len(r.Prompt)+len(r.Suffix))
		}
	})
}

// slow is an engine that takes its time to read.
type slow struct {
	*enginetest.Script
	pace time.Duration
}

func (s *slow) Complete(ctx context.Context, r engine.CompletionRequest) seq {
	return func(yield func(engine.Event, error) bool) {
		n := len(r.Prompt) + len(r.Suffix)
		if !yield(engine.Progress{Total: n}, nil) {
			return
		}
		select {
		case <-time.After(time.Duration(n) * s.pace):
		case <-ctx.Done():
			yield(nil, context.Cause(ctx))
			return
		}
		s.Script.Complete(ctx, r)(yield)
	}
}

func TestTimeBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		later := func(d time.Duration) enginetest.Step {
			return enginetest.Do(func(context.Context) { time.Sleep(d) })
		}
		e := &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Text("a("), later(5 * time.Second), enginetest.Text("b)\n"), enginetest.Text("c()\n"), enginetest.Text("d()\n"),
		}}}
		s := session(t, e, Options{Time: time.Second})
		if c := complete(t, s, at(t, "x", "¦")); c.Text != "a(b)" {
			t.Errorf("completion %+v", c)
		}
	})
}

func TestMore(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		if *r.Complete.Temperature == 0 {
			return enginetest.Reply{enginetest.Text("one")}
		}
		return enginetest.Reply{enginetest.Text([]string{"one", "two", "", "two", "three"}[choice])}
	}}
	s := session(t, e, Options{})
	more, err := s.Alternatives(t.Context(), at(t, "x", "x = ¦\n"), 5)
	if err != nil || len(more) != 2 || more[0].Text != "two" || more[1].Text != "three" {
		t.Errorf("alternatives %+v, %v", more, err)
	}
}

func TestCRLF(t *testing.T) {
	e := enginetest.Says("\tif x {", "\n\t\ty()\n\t}")
	s := session(t, e, Options{})
	c := complete(t, s, at(t, "x.go", "func f() {\r\n\t¦\r\n}\r\n"))
	if c.Text != "if x {\r\n\t\ty()\r\n\t}" {
		t.Errorf("completion %q", c.Text)
	}
	if r := completions(e)[0]; strings.Contains(r.Prompt+r.Suffix, "\r") {
		t.Error("the model sees carriage returns")
	}
}

func TestStrange(t *testing.T) {
	for written, want := range map[string]string{
		"a()\n\x1b[31mb()\n": "a()", "x = 1\x00": "x = 1", "caf\uFFFD": "caf", "a()\r\nb()\r\n": "a()\nb()\nmore",
	} {
		if c := complete(t, session(t, enginetest.Says(written, "more"), Options{}), at(t, "x", "¦")); c.Text != want {
			t.Errorf("of %q comes %q, want %q", written, c.Text, want)
		}
	}
}

func TestCannotFillIn(t *testing.T) {
	e := &enginetest.Script{About: engine.Info{Can: engine.Capabilities{Chat: true}}}
	_, err := session(t, e, Options{}).Complete(t.Context(), at(t, "x", "¦"))
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "cannot fill in") {
		t.Errorf("error %v", err)
	}
}

func TestCancelled(t *testing.T) {
	e := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Wait(nil)}}}
	s := session(t, e, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Complete(ctx, at(t, "x", "¦")); err == nil {
		t.Error("a cancelled request gives no error")
	}
}

func TestClose(t *testing.T) {
	enginetest.CheckLeaks(t)
	working := make(chan struct{})
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if strings.HasSuffix(r.Text(), "a") {
			return enginetest.Reply{enginetest.Do(func(context.Context) { close(working) }), enginetest.Wait(nil)}
		}
		return enginetest.Reply{enginetest.Text("a")}
	}}
	s := New(t.Context(), e, Options{Speculate: true, Idle: time.Hour})
	complete(t, s, at(t, "x", "¦"))
	<-working
	s.Close()
	complete(t, s, at(t, "x", "¦")) // what is known still is
}

func TestPosition(t *testing.T) {
	text := "ab\ncdé\r\n\nx"
	for _, tt := range []struct{ line, column, want int }{
		{1, 1, 0},
		{1, 3, 2},
		{1, 0, 2},
		{2, 3, 5},
		{2, 4, 7},
		{2, 0, 7},
		{3, 1, 9},
		{4, 2, 11},
		{4, 0, 11},
		{0, 1, -1},
		{5, 1, -1},
		{1, 4, -1},
		{2, 5, -1},
		{1, -1, -1},
	} {
		got, err := Position(text, tt.line, tt.column)
		if err != nil {
			got = -1
		}
		if got != tt.want {
			t.Errorf("Position(%d, %d) = %d, %v; want %d", tt.line, tt.column, got, err, tt.want)
		}
	}
	if _, err := New(t.Context(), enginetest.Says("x"), Options{}).Complete(t.Context(), Place{Text: "x", At: 2}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a cursor outside the text gives %v", err)
	}
}

// TestLongFiles checks that of a long file only a part that a prompt can hold is tokenized.
func TestLongFiles(t *testing.T) {
	e := enginetest.Says("z")
	long := strings.Repeat("func a() {}\n", 1<<16)
	s := session(t, e, Options{Tokens: 400, Files: []fim.File{{Name: "a.go", Text: long}, {Name: "b.go", Text: long}}})
	complete(t, s, at(t, "c.go", "package c¦\n"))
	if r := completions(e)[0]; !strings.HasPrefix(r.Prompt, "+++++ b.go\nfunc a() {}\n") || size(t, e, r) > 400 {
		t.Errorf("prompt %q", r.Prompt)
	}
	for _, r := range e.Requests() {
		if r.Tokenize != nil && r.Tokenize.Text != nil && len(*r.Tokenize.Text) > 400*maxRatio+100 {
			t.Errorf("%d bytes are tokenized", len(*r.Tokenize.Text))
		}
	}
}

// TestLongAnswer checks that a large limit of a completion leaves room for the prompt.
func TestLongAnswer(t *testing.T) {
	text := strings.Repeat("func a() {}\n", 10)
	for _, limit := range []int{100, 1900, 2000, 100_000} {
		e := enginetest.Says("z")
		e.About.ContextLength = 2000
		complete(t, session(t, e, Options{MaxTokens: limit}), at(t, "c.go", text+"¦\n"))
		if r := completions(e)[0]; r.Prompt != text || *r.MaxTokens != min(limit, 1000) {
			t.Errorf("limit %d: prompt %q, %d tokens of answer", limit, r.Prompt, *r.MaxTokens)
		}
	}
}
