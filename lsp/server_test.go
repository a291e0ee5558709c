package lsp

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// A client is an editor that speaks with a server of its own.
type client struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	done chan error // what Serve returned
	id   int
	kept []answer // read while another was waited for
}

// answer is what a server writes.
type answer struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *failure
}

func serve(t *testing.T, e engine.Engine) *client {
	t.Helper()
	return serveWith(t, Config{Version: "1.2", Open: func(context.Context) (engine.Engine, error) { return e, nil }})
}

func serveWith(t *testing.T, config Config) *client {
	t.Helper()
	enginetest.CheckLeaks(t)
	toServer, in := io.Pipe()
	out, fromServer := io.Pipe()
	c := &client{t: t, in: in, out: bufio.NewReader(out), done: make(chan error, 1)}
	go func() {
		c.done <- Serve(t.Context(), toServer, fromServer, config)
		toServer.Close()
		fromServer.Close()
	}()
	t.Cleanup(func() {
		in.Close()
		io.Copy(io.Discard, c.out)
	})
	return c
}

func (c *client) raw(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(v map[string]any) {
	c.t.Helper()
	v["jsonrpc"] = "2.0"
	body, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	c.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	c.send(map[string]any{"method": method, "params": params})
}

// request sends a request and gives its id.
func (c *client) request(method string, params any) string {
	c.t.Helper()
	c.id++
	c.send(map[string]any{"id": c.id, "method": method, "params": params})
	return fmt.Sprint(c.id)
}

// next is the next message of the server.
func (c *client) next() answer {
	c.t.Helper()
	n, err := readHeader(c.out)
	if err != nil {
		c.t.Fatal(err)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(c.out, body); err != nil {
		c.t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		c.t.Fatal(err)
	}
	return a
}

// answer is that to a request; others are kept for later.
func (c *client) answer(id string) answer {
	c.t.Helper()
	for i, a := range c.kept {
		if string(a.ID) == id {
			c.kept = append(c.kept[:i], c.kept[i+1:]...)
			return a
		}
	}
	for {
		a := c.next()
		if string(a.ID) == id {
			return a
		}
		c.kept = append(c.kept, a)
	}
}

// initialize begins, with capabilities of the client as JSON.
func (c *client) initialize(capabilities string) capabilities {
	c.t.Helper()
	a := c.answer(c.request("initialize", json.RawMessage(`{
		"workspaceFolders":[{"uri":"file:///home/me/proj","name":"proj"}],"capabilities":`+capabilities+`}`)))
	var r initializeResult
	if err := json.Unmarshal(a.Result, &r); err != nil || r.ServerInfo.Name != "bise" || r.ServerInfo.Version != "1.2" {
		c.t.Fatalf("initialize gives %s, %v", a.Result, err)
	}
	c.notify("initialized", struct{}{})
	return r.Capabilities
}

const uri = "file:///home/me/proj/pkg/a%20b.go"

func (c *client) open(text string) {
	c.t.Helper()
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "go", "version": 1, "text": text}})
}

// place is the parameters of a completion.
func place(line, character int) map[string]any {
	return map[string]any{
		"textDocument": map[string]any{"uri": uri}, "position": position{line, character},
		"context": map[string]any{"triggerKind": 2},
	}
}

// inline asks for an inline completion.
func (c *client) inline(line, character int) []inlineCompletionItem {
	c.t.Helper()
	return c.items(c.answer(c.request("textDocument/inlineCompletion", place(line, character))))
}

func (c *client) items(a answer) []inlineCompletionItem {
	c.t.Helper()
	var list inlineCompletionList
	if err := json.Unmarshal(a.Result, &list); err != nil || a.Error != nil {
		c.t.Fatalf("the answer is %s, %v", a.Result, a.Error)
	}
	return list.Items
}

// last is the last request to complete that a script got.
func last(t *testing.T, e *enginetest.Script) engine.CompletionRequest {
	t.Helper()
	all := e.Requests()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Complete != nil {
			return *all[i].Complete
		}
	}
	t.Fatal("the model was not asked")
	return engine.CompletionRequest{}
}

func TestInlineCompletion(t *testing.T) {
	e := enginetest.Says("\treturn a + b\n", "}\n")
	c := serve(t, e)
	have := c.initialize(`{"textDocument":{"inlineCompletion":{}},"general":{"positionEncodings":["utf-16"]}}`)
	if have.PositionEncoding != utf16Encoding || !have.InlineCompletionProvider || have.CompletionProvider != nil {
		t.Errorf("capabilities %+v", have)
	}
	c.open("package p\n\nfunc add(a, b int) int {\n}\n")
	c.notify("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": uri, "version": 2},
		"contentChanges": []change{{&span{position{2, 24}, position{2, 24}}, "\n"}, {&span{position{3, 0}, position{3, 0}}, "\t"}},
	})
	items := c.inline(3, 1)
	if len(items) != 1 || items[0].InsertText != "return a + b" || items[0].Range != (span{position{3, 1}, position{3, 1}}) {
		t.Errorf("items %+v", items)
	}
	if r := last(t, e); r.Prompt != "package p\n\nfunc add(a, b int) int {\n" || r.Suffix != "\n}\n" {
		t.Errorf("prompt %q, suffix %q", r.Prompt, r.Suffix)
	}
	if a := c.answer(c.request("shutdown", nil)); a.Error != nil {
		t.Errorf("shutdown: %v", a.Error)
	}
	if a := c.answer(c.request("textDocument/inlineCompletion", place(0, 0))); a.Error == nil || a.Error.Code != invalidRequest {
		t.Errorf("after shutdown: %+v", a)
	}
	c.notify("exit", nil)
	if err := <-c.done; err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// TestInvoked checks that who asks gets alternatives, and that what is selected
// in a list is taken for typed.
func TestInvoked(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		if *r.Complete.Temperature == 0 {
			return enginetest.Reply{enginetest.Text("ln(x)")}
		}
		return enginetest.Reply{enginetest.Text([]string{"f(x)", "ln(x)"}[choice])}
	}}
	c := serve(t, e)
	c.initialize(`{"textDocument":{"inlineCompletion":{}}}`)
	c.open("fmt.Pr\n")
	p := place(0, 6)
	p["context"] = map[string]any{"triggerKind": 1, "selectedCompletionInfo": map[string]any{"range": span{position{0, 4}, position{0, 6}}, "text": "Print"}}
	items := c.items(c.answer(c.request("textDocument/inlineCompletion", p)))
	if len(items) != 2 || items[0].InsertText != "Println(x)" || items[1].InsertText != "Printf(x)" || items[0].Range.Start.Character != 4 {
		t.Errorf("items %+v", items)
	}
	if r := last(t, e); r.Prompt != "fmt.Print" {
		t.Errorf("prompt %q", r.Prompt)
	}
}

// TestInvokedWithoutAlternatives checks that a server that refuses n, as La Plateforme
// does, still completes.
func TestInvokedWithoutAlternatives(t *testing.T) {
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if r.Complete.N > 1 {
			return enginetest.Reply{enginetest.Fail{Err: fault.Errorf(fault.Unsupported, "La Plateforme's fill in the middle has no n")}}
		}
		return enginetest.Reply{enginetest.Text("foo()")}
	}}
	c := serve(t, e)
	c.initialize(`{"textDocument":{"inlineCompletion":{}}}`)
	c.open("p = \n")
	for _, kind := range []int{1, 2} {
		p := place(0, 4)
		p["context"] = map[string]any{"triggerKind": kind}
		if items := c.items(c.answer(c.request("textDocument/inlineCompletion", p))); len(items) != 1 || items[0].InsertText != "foo()" {
			t.Errorf("trigger %d: %+v", kind, items)
		}
	}
}

func TestOrdinaryCompletion(t *testing.T) {
	e := enginetest.Says("rn a + b", "\n")
	c := serve(t, e)
	have := c.initialize(`{"textDocument":{"completion":{}},"general":{"positionEncodings":["utf-32","utf-8"]}}`)
	if have.PositionEncoding != utf8Encoding || have.CompletionProvider == nil {
		t.Errorf("capabilities %+v", have)
	}
	c.open("é é retu\n")
	a := c.answer(c.request("textDocument/completion", place(0, 10)))
	var list completionList
	if err := json.Unmarshal(a.Result, &list); err != nil || len(list.Items) != 1 || !list.IsIncomplete {
		t.Fatalf("answer %s, %v", a.Result, err)
	}
	i := list.Items[0]
	if i.Label != "return a + b" || i.TextEdit.NewText != "return a + b" || i.FilterText != "return a + b" || i.TextEdit.Range != (span{position{0, 6}, position{0, 10}}) {
		t.Errorf("item %+v", i)
	}
	if i.Documentation.Value != "```\nreturn a + b\n```" {
		t.Errorf("documentation %q", i.Documentation.Value)
	}
}

func TestNothingToComplete(t *testing.T) {
	c := serve(t, enginetest.Says("\n\n"))
	c.initialize(`{}`)
	c.open("x\n")
	if items := c.inline(0, 1); len(items) != 0 {
		t.Errorf("items %+v", items)
	}
	if a := c.answer(c.request("textDocument/completion", place(0, 1))); string(a.Result) != `{"isIncomplete":true,"items":[]}` {
		t.Errorf("answer %s", a.Result)
	}
}

// TestContext checks that other open files are shown to the model, by their names
// in the workspace.
func TestContext(t *testing.T) {
	e := enginetest.Says("x")
	c := serve(t, e)
	c.initialize(`{}`)
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": "file:///home/me/proj/user.go", "text": "type User struct{}\n"}})
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": "file:///elsewhere/other.go", "text": "type Other struct{}\n"}})
	c.open("var u \n")
	c.inline(0, 6)
	c.notify("textDocument/didSave", map[string]any{"textDocument": map[string]any{"uri": "file:///home/me/proj/user.go"}})
	c.notify("workspace/didChangeWorkspaceFolders", json.RawMessage(`{"event":{"added":[{"uri":"file:///elsewhere"}],"removed":[{"uri":"file:///home/me/proj","name":"proj"}]}}`))
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri}})
	c.open("var o \n")
	c.inline(0, 6)
	for _, want := range []string{"+++++ user.go\ntype User struct{}\n", "+++++ other.go\ntype Other struct{}\n", "+++++ a b.go\nvar o "} {
		if r := last(t, e); !strings.Contains(r.Prompt, want) {
			t.Errorf("prompt %q lacks %q", r.Prompt, want)
		}
	}
	if a := c.answer(c.request("textDocument/inlineCompletion", map[string]any{"textDocument": map[string]any{"uri": "file:///no"}})); a.Error == nil || a.Error.Code != invalidParams {
		t.Errorf("a file that is not open: %+v", a)
	}
}

// TestStopping checks that a completion is stopped by its cancellation, by a newer
// one, by the closing of its file and by the end of the editor.
func TestStopping(t *testing.T) {
	asked := make(chan struct{}, 4)
	e := &enginetest.Script{Answer: func(r enginetest.Request, _ int) enginetest.Reply {
		if r.Complete.Prompt == "x" {
			return enginetest.Reply{enginetest.Text("y")}
		}
		return enginetest.Reply{enginetest.Do(func(context.Context) { asked <- struct{}{} }), enginetest.Wait(nil)}
	}}
	c := serve(t, e)
	c.initialize(`{}`)
	c.open("x\nabc\n")
	slow := func() string {
		id := c.request("textDocument/inlineCompletion", place(1, 3))
		<-asked
		return id
	}
	id := slow()
	c.notify("$/cancelRequest", json.RawMessage(`{"id":`+id+`}`))
	if a := c.answer(id); a.Error == nil || a.Error.Code != requestCancelled {
		t.Errorf("cancelled: %+v", a)
	}
	id = slow()
	if items := c.inline(0, 1); len(items) != 1 {
		t.Errorf("items %+v", items)
	}
	if a := c.answer(id); a.Error == nil || a.Error.Code != contentModified {
		t.Errorf("a newer one was wanted: %+v", a)
	}
	id = slow()
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri}})
	if a := c.answer(id); a.Error == nil || a.Error.Code != requestCancelled {
		t.Errorf("closed: %+v", a)
	}
	c.open("x\nabc\n")
	slow()
	c.in.Close()
	go io.Copy(io.Discard, c.out)
	select {
	case err := <-c.done:
		if !errors.Is(err, ErrGone) {
			t.Errorf("Serve returned %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server does not end with its client")
	}
}

// TestModelThatCannot checks that the person is told once what is wrong, and that
// the client's requests are answered.
func TestModelThatCannot(t *testing.T) {
	for name, open := range map[string]func(context.Context) (engine.Engine, error){
		"opening": func(context.Context) (engine.Engine, error) {
			return nil, &fault.Error{Kind: fault.NotFound, Msg: "no model is installed", Advice: "Get one."}
		},
		"filling in": func(context.Context) (engine.Engine, error) {
			return &enginetest.Script{About: engine.Info{Model: "no model is installed", Can: engine.Capabilities{Chat: true}}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := serveWith(t, Config{Version: "1.2", Open: open})
			c.initialize(`{}`)
			c.open("x\n")
			for range 3 {
				if a := c.answer(c.request("textDocument/inlineCompletion", place(0, 1))); a.Error != nil || string(a.Result) != "null" {
					t.Errorf("answer %+v", a)
				}
			}
			shown := 0
			for _, a := range c.kept {
				if a.Method == "window/showMessage" && strings.Contains(string(a.Params), "no model is installed") {
					shown++
				}
			}
			if shown != 1 {
				t.Errorf("the person was told %d times", shown)
			}
		})
	}
}

// TestDisorder checks what a client gets that does not keep to the protocol.
func TestDisorder(t *testing.T) {
	c := serve(t, enginetest.Says("y"))
	if a := c.answer(c.request("textDocument/inlineCompletion", place(0, 0))); a.Error == nil || a.Error.Code != serverNotInitialized {
		t.Errorf("before initialize: %+v", a)
	}
	c.raw("content-length: 3\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{x}")
	if a := c.next(); a.Error == nil || a.Error.Code != parseError || string(a.ID) != "null" {
		t.Errorf("no JSON: %+v", a)
	}
	c.initialize(`{"textDocument":{"inlineCompletion":{}}}`)
	for method, want := range map[string]errorCode{"initialize": invalidRequest, "textDocument/hover": methodNotFound, "textDocument/completion": invalidParams} {
		if a := c.answer(c.request(method, []int{1})); a.Error == nil || a.Error.Code != want {
			t.Errorf("%s: %+v", method, a)
		}
	}
	c.notify("textDocument/didOpen", "nonsense")
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": "file:///none"}, "contentChanges": []any{}})
	c.notify("$/setTrace", map[string]any{"value": "off"})
	c.send(map[string]any{"id": 99, "result": nil}) // an answer to nothing
	c.open("x")
	if items := c.inline(7, 7); len(items) != 1 || items[0].InsertText != "y" {
		t.Errorf("past the end: %+v", items)
	}
	c.raw("Content-Length: 99999999999\r\n\r\n")
	if err := <-c.done; err == nil || errors.Is(err, ErrGone) {
		t.Errorf("Serve returned %v", err)
	}
}

func TestReadHeader(t *testing.T) {
	for _, text := range []string{
		"Content-Length: -1\r\n\r\n", "Content-Length: x\r\n\r\n", "\r\n", "nonsense\r\n\r\n", "Content-Length: 3",
		"Content-Length: 3\r\n", "X: " + strings.Repeat("y", maxHeader) + "\r\n\r\n", strings.Repeat("X: y\r\n", maxHeader) + "\r\n",
		"Content-Length: 67108865\r\n\r\n",
	} {
		if n, err := readHeader(bufio.NewReaderSize(strings.NewReader(text), maxHeader)); err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%.40q gives %d, %v", text, n, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("Content-Length: 2\r\n\r\n{}")
	f.Add("Content-Length: 44\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		e := enginetest.Says("y")
		err := Serve(t.Context(), strings.NewReader(text), io.Discard, Config{Open: func(context.Context) (engine.Engine, error) { return e, nil }})
		if err == nil && !strings.Contains(text, "shutdown") {
			t.Errorf("%q ends as if it had said so", text)
		}
	})
}
