package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// told is a conversation with everything that one can have.
func told(t *testing.T, s *Store) Conversation {
	t.Helper()
	ctx := t.Context()
	c := started(t, s)
	if err := s.SetSystem(ctx, c.ID, "Be brief."); err != nil {
		t.Fatal(err)
	}
	q, err := s.Add(ctx, Message{
		Conversation: c.ID,
		Message: engine.Message{Role: engine.User, Content: engine.Content{
			{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,iVBORw0KGgo="},
			{Type: engine.TextChunk, Text: "main.go:\n```go\n" + strings.Repeat("// <&>\n", 200) + "```"},
			{Type: engine.TextChunk, Text: "What is `it`?"},
		}},
		Attached: []Attachment{{0, "photo.png"}, {1, "main.go"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(events ...engine.Event) {
		t.Helper()
		r, err := s.Begin(ctx, Message{Conversation: c.ID, Parent: q.ID, Message: engine.Message{Role: engine.Assistant}, Measured: Measured{Model: "Pixtral 12B"}})
		if err != nil {
			t.Fatal(err)
		}
		take(t, r, events...)
		end(t, r)
	}
	answer(engine.TextDelta{Text: "First versi"})
	answer(
		engine.ThinkingDelta{Text: "hm"}, engine.TextDelta{Text: "A *program*.\n"},
		engine.ToolCallDelta{Call: engine.ToolCall{ID: "abcdefghi", Type: "function", Function: engine.FunctionCall{Name: "run", Arguments: `{"x":1}`}}},
		engine.Finish{Reason: engine.FinishToolCalls}, engine.Done{Usage: engine.Usage{PromptTokens: 7}, Timings: engine.Timings{Decode: time.Second}},
	)
	c, err = s.Conversation(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Add(ctx, Message{Conversation: c.ID, Parent: c.Leaf, Message: engine.Message{
		Role: engine.ToolRole, Content: engine.Text("22"), Name: "run", ToolCallID: "abcdefghi",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveDraft(ctx, c.ID, "and then"); err != nil {
		t.Fatal(err)
	}
	_ = m
	c, err = s.Conversation(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exportedJSON(t *testing.T, s *Store, ids ...int64) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.ExportJSON(t.Context(), &b, ids...); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatalf("no JSON: %s", b.Bytes())
	}
	return b.String()
}

func TestExportAndImport(t *testing.T) {
	from, to := openTest(t), openTest(t)
	started(t, to) // so that ids differ
	a, b := told(t, from), told(t, from)
	file := exportedJSON(t, from, a.ID, b.ID)
	if strings.Contains(file, `\u003c`) {
		t.Error("< is written as if for a browser")
	}
	ids, present, err := to.Import(t.Context(), iotest.OneByteReader(strings.NewReader(file)))
	if err != nil || len(ids) != 2 || present != 0 || ids[0] == a.ID {
		t.Fatalf("imported %v, %d, %v", ids, present, err)
	}
	if again := exportedJSON(t, to, ids...); again != file {
		t.Errorf("exported again\n%s\nwant\n%s", again, file)
	}
	want, _ := from.Path(t.Context(), a.ID)
	got, err := to.Path(t.Context(), ids[0])
	if err != nil || len(got) != len(want) {
		t.Fatalf("path of %d, want %d, %v", len(got), len(want), err)
	}
	for i := range got {
		if !reflect.DeepEqual(got[i].Message, want[i].Message) || !reflect.DeepEqual(got[i].Attached, want[i].Attached) ||
			!reflect.DeepEqual(got[i].Measured, want[i].Measured) || got[i].State != want[i].State || len(got[i].Versions) != len(want[i].Versions) {
			t.Errorf("message %d\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
	if hits, err := to.Search(t.Context(), "program", 5); err != nil || len(hits) != 2 {
		t.Errorf("search: %+v, %v", hits, err)
	}
	if n := rows(t, to, "blobs"); n != 2 {
		t.Errorf("%d blobs", n)
	}
	// The same file again is here already.
	if ids, present, err = to.Import(t.Context(), strings.NewReader(file)); err != nil || len(ids) != 0 || present != 2 {
		t.Errorf("again: %v, %d, %v", ids, present, err)
	}
	if err := to.Delete(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if ids, present, err = to.Import(t.Context(), strings.NewReader(file)); err != nil || len(ids) != 1 || present != 1 {
		t.Errorf("after one was deleted: %v, %d, %v", ids, present, err)
	}
}

func TestExportNothing(t *testing.T) {
	s := openTest(t)
	ids, present, err := s.Import(t.Context(), strings.NewReader(exportedJSON(t, s)))
	if err != nil || len(ids) != 0 || present != 0 {
		t.Errorf("%v, %d, %v", ids, present, err)
	}
}

func TestImportOfWhatIsStreaming(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	take(t, r, engine.TextDelta{Text: "so far"})
	file := exportedJSON(t, s, c.ID)
	end(t, r)
	to := openTest(t)
	ids, _, err := to.Import(t.Context(), strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got := leaf(t, to, ids[0]); got.State != Stopped || got.Content.Plain() != "so far" {
		t.Errorf("%+v", got)
	}
}

const good = `{"title":"a","mode":"chat","model":"m","created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00Z","leaf":1,"messages":[{"role":"user","content":"a","created":"2026-01-01T00:00:00Z"}]}`

func TestImportRefuses(t *testing.T) {
	s := openTest(t)
	whole := `{"bise_history":1,"conversations":[` + good + `,` + good + `]}`
	conversation := func(old, new string) string {
		return `{"bise_history":1,"conversations":[` + good + `,` + strings.ReplaceAll(good, old, new) + `]}`
	}
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", "not an exported history"},
		{"another list", `[1]`, "not an exported history"},
		{"another object", `{"a":1}`, "not an exported history"},
		{"no version", `{"conversations":[]}`, "does not begin with a version"},
		{"newer", `{"bise_history":2,"conversations":[{"a":[]}]}`, "version 2 of a newer bise; this one reads up to 1"},
		{"odd version", `{"bise_history":"x"}`, "invalid version"},
		{"not a list", `{"bise_history":1,"conversations":{}}`, "not a list"},
		{"broken off", whole[:len(whole)-30], "read conversation 2"},
		{"broken off after", whole[:len(whole)-2], "does not end"},
		{"role", conversation(`"user"`, `"root"`), `invalid conversation 2`},
		{"parent after", conversation(`"role"`, `"parent":1,"role"`), "its parent is message 1"},
		{"leaf", conversation(`"leaf":1`, `"leaf":2`), "its leaf is message 2 of 1"},
		{"time", conversation(`2026`, `1825`), "its time is 1825"},
		{"attached", conversation(`"role"`, `"attached":[{"chunk":1}],"role"`), "chunk 1 of 1"},
		{"type", conversation(`"title":"a"`, `"title":1`), "read conversation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ids, _, err := s.Import(t.Context(), strings.NewReader(tt.file))
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || !strings.Contains(err.Error(), tt.want) || e.Advice == "" || len(ids) != 0 {
				t.Errorf("%v, %v, want %s", ids, err, tt.want)
			}
			if n := rows(t, s, "conversations"); n != 0 {
				t.Errorf("%d conversations stay", n)
			}
		})
	}
	if ids, _, err := s.Import(t.Context(), strings.NewReader(`{"bise_history":1,"later":{"x":[1]},"conversations":[`+good+`],"more":1}`)); err != nil || len(ids) != 1 {
		t.Errorf("keys of a later version: %v, %v", ids, err)
	}
}

func TestImportIsBounded(t *testing.T) {
	file := `{"bise_history":1,"conversations":[` + strings.Repeat(good+",", 50) + good + `]}`
	in := &bounded{r: iotest.HalfReader(strings.NewReader(file)), limit: 3 * len(good)}
	n := 0
	if err := decode(in, func(*exported) error { n++; return nil }); err != nil || n != 51 {
		t.Errorf("a long file of short conversations: %d, %v", n, err)
	}
	in = &bounded{r: strings.NewReader(file), limit: len(good) / 2}
	if err := decode(in, func(*exported) error { return nil }); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a conversation that is too long: %v", err)
	}
}

// FuzzImport imports whatever is in a file. What comes in goes out and comes in
// again the same.
func FuzzImport(f *testing.F) {
	f.Add([]byte(`{"bise_history":1,"conversations":[` + good + `]}`))
	f.Add([]byte(`{"bise_history":1,"conversations":[` + strings.Replace(good, `"a","created"`, `[{"type":"image_url","image_url":"data:image/png;base64,AAAA"},{"type":"thinking","thinking":"x"},{"type":"text","text":"y"}],"attached":[{"chunk":0,"name":"z"}],"state":"stopped","created"`, 1) + `]}`))
	s, err := Open(filepath.Join(f.TempDir(), "history.db"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 10_000 {
			return
		}
		ids, _, err := s.Import(t.Context(), bytes.NewReader(file))
		if err == nil {
			out := exportedJSON(t, s, ids...)
			if err := s.Purge(t.Context(), ids...); err != nil {
				t.Fatal(err)
			}
			again, _, err := s.Import(t.Context(), strings.NewReader(out))
			if err != nil || len(again) != len(ids) {
				t.Fatalf("%d of %d come in again: %v\n%s", len(again), len(ids), err, out)
			}
			if second := exportedJSON(t, s, again...); second != out {
				t.Fatalf("exported\n%s\nthen\n%s", out, second)
			}
			if err := s.Purge(t.Context(), again...); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"conversations", "messages", "blobs", "words", "titles"} {
			if n := rows(t, s, table); n != 0 {
				t.Fatalf("%d rows of %s stay, %v", n, table, err)
			}
		}
	})
}

func TestExportMarkdown(t *testing.T) {
	s := openTest(t)
	c := told(t, s)
	var b bytes.Buffer
	if err := s.ExportMarkdown(t.Context(), &b, c.ID, false); err != nil {
		t.Fatal(err)
	}
	file := "main.go:\n```go\n" + strings.Repeat("// <&>\n", 200) + "```"
	want := "# What is `it`?\n\n" + c.Created.Local().Format("2 January 2006, 15:04") + `

## Instructions

Be brief.

## You

*Picture: ` + "`photo.png`" + `*

<details><summary>Attached: ` + "`main.go`" + `</summary>

` + file + `

</details>

What is ` + "`it`" + `?

## Pixtral 12B

<details><summary>Thinking</summary>

hm

</details>

A *program*.

` + "`run({\"x\":1})`" + `

## Result of ` + "`run`" + `

22
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := s.ExportMarkdown(t.Context(), &b, c.ID, true); err != nil || strings.Contains(b.String(), "package main") ||
		!strings.Contains(b.String(), "\n*Attached: `main.go`*\n") || !strings.Contains(b.String(), "## Pixtral 12B\n\n*Thinking*\n\nA *program*.\n") {
		t.Errorf("folded: %v\n%s", err, b.String())
	}
	if err := s.Switch(t.Context(), func() int64 { p, _ := s.Path(t.Context(), c.ID); return p[1].Versions[0] }()); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := s.ExportMarkdown(t.Context(), &b, c.ID, false); err != nil || !strings.HasSuffix(b.String(), "\nFirst versi\n\n*Stopped here.*\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
