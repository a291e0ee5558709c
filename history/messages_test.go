package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func texts(path []Message) string {
	var all []string
	for _, m := range path {
		all = append(all, m.Content.Plain())
	}
	return strings.Join(all, " > ")
}

func TestBranches(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	c := started(t, s)
	see := func(want string) []Message {
		t.Helper()
		p, err := s.Path(ctx, c.ID)
		if err != nil || texts(p) != want {
			t.Fatalf("path %q, %v, want %q", texts(p), err, want)
		}
		return p
	}
	see("")
	sys := said(t, s, c.ID, 0, engine.System, "be brief")
	q1 := said(t, s, c.ID, sys.ID, engine.User, "q1")
	a1 := said(t, s, c.ID, q1.ID, engine.Assistant, "a1")
	q2 := said(t, s, c.ID, a1.ID, engine.User, "q2")
	said(t, s, c.ID, q2.ID, engine.Assistant, "a2")
	see("be brief > q1 > a1 > q2 > a2")

	// Again: another answer to the same words.
	b1 := said(t, s, c.ID, q1.ID, engine.Assistant, "b1")
	p := see("be brief > q1 > b1")
	if !slices.Equal(p[2].Versions, []int64{a1.ID, b1.ID}) || len(p[1].Versions) != 1 {
		t.Errorf("versions %v", p[2].Versions)
	}
	if err := s.Switch(ctx, a1.ID); err != nil {
		t.Fatal(err)
	}
	see("be brief > q1 > a1 > q2 > a2")

	// Other words: a branch, in which the conversation goes on.
	q3 := said(t, s, c.ID, a1.ID, engine.User, "q3")
	said(t, s, c.ID, q3.ID, engine.Assistant, "a3")
	p = see("be brief > q1 > a1 > q3 > a3")
	if !slices.Equal(p[3].Versions, []int64{q2.ID, q3.ID}) {
		t.Errorf("versions %v", p[3].Versions)
	}
	if err := s.Switch(ctx, b1.ID); err != nil {
		t.Fatal(err)
	}
	see("be brief > q1 > b1")

	// What a search found is shown where it is, if it is not shown already.
	if err := errors.Join(s.Switch(ctx, q2.ID), s.Reveal(ctx, a1.ID)); err != nil {
		t.Fatal(err)
	}
	see("be brief > q1 > a1 > q2 > a2")
	if err := s.Reveal(ctx, b1.ID); err != nil {
		t.Fatal(err)
	}
	see("be brief > q1 > b1")

	all, err := s.All(ctx, c.ID)
	if err != nil || texts(all) != "be brief > q1 > a1 > q2 > a2 > b1 > q3 > a3" {
		t.Errorf("all %q, %v", texts(all), err)
	}
	if got, _ := s.Conversation(ctx, c.ID); got.Title != "q1" {
		t.Errorf("title %q", got.Title)
	}
}

func TestContentComesBack(t *testing.T) {
	s := openTest(t)
	ctx := t.Context()
	c := started(t, s)
	large := strings.Repeat("package main // <&>\n", 100)
	parent := int64(0)
	for _, tt := range []struct {
		name     string
		m        engine.Message
		attached []Attachment
	}{
		{"nothing", engine.Message{Role: engine.Assistant}, nil},
		{"text", say(engine.User, "a <b> & \"c\" \u2028 \x00 é"), nil},
		{"picture and file", engine.Message{Role: engine.User, Content: engine.Content{
			{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,iVBORw0KGgo="},
			{Type: engine.TextChunk, Text: large},
			{Type: engine.TextChunk, Text: "short"},
			{Type: engine.TextChunk, Text: "what is it?"},
		}}, []Attachment{{0, "photo.png"}, {1, "main.go"}, {2, ""}}},
		{"odd pictures", engine.Message{Role: engine.User, Content: engine.Content{
			{Type: engine.ImageChunk, ImageURL: "https://example.com/a.png"},
			{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,not base64"},
			{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,AA\nAA"},
			{Type: engine.ImageChunk, ImageURL: "data:,"},
		}}, nil},
		{"bytes that are no text", engine.Message{Role: engine.User, Content: engine.Content{
			{Type: engine.TextChunk, Text: strings.Repeat("\xff\x00", 400)},
		}}, []Attachment{{0, "a.bin"}}},
		{"thinking and calls", engine.Message{
			Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "hm", Open: true}}, Prefix: true,
			ToolCalls: []engine.ToolCall{{ID: "abcdefghi", Type: "function", Index: 1, Function: engine.FunctionCall{Name: "f", Arguments: `{"a":"<"}`}}},
		}, nil},
		{"result", engine.Message{Role: engine.ToolRole, ToolCallID: "abcdefghi", Name: "f", Content: engine.Text("22")}, nil},
		{"unknown chunk", engine.Message{Role: engine.User, Content: engine.Content{
			{Type: "reference", Raw: json.RawMessage(`{"type":"reference","ids":[1]}`)},
		}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := s.Add(ctx, Message{Conversation: c.ID, Parent: parent, Message: tt.m, Attached: tt.attached})
			if err != nil {
				t.Fatal(err)
			}
			parent = m.ID
			p, err := s.Path(ctx, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			got := p[len(p)-1]
			if !reflect.DeepEqual(got.Message, tt.m) {
				t.Errorf("message\n%+v, want\n%+v", got.Message, tt.m)
			}
			if !reflect.DeepEqual(got.Attached, tt.attached) {
				t.Errorf("attached %v, want %v", got.Attached, tt.attached)
			}
			if since := time.Since(got.Created); since < 0 || since > time.Minute || !got.Created.Equal(m.Created) {
				t.Errorf("created %v ago", since)
			}
		})
	}
}

func TestAttachedOnce(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	content := engine.Content{
		{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,iVBORw0KGgo="},
		{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,iVBORw0KGgo="},
		{Type: engine.TextChunk, Text: strings.Repeat("all work and no play ", 1000)},
	}
	parent := int64(0)
	for range 10 {
		m, err := s.Add(t.Context(), Message{
			Conversation: c.ID, Parent: parent, Message: engine.Message{Role: engine.User, Content: content},
			Attached: []Attachment{{0, "a"}, {2, "b"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		parent = m.ID
	}
	if n := rows(t, s, "blobs"); n != 2 {
		t.Errorf("%d blobs", n)
	}
}

func TestTextIsDeflated(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	texts := []string{strings.Repeat("all work and no play ", 10_000), noise(10_000)}
	for _, text := range texts {
		if _, err := s.Add(t.Context(), Message{Conversation: c.ID, Message: say(engine.User, text), Attached: []Attachment{{0, "a"}}}); err != nil {
			t.Fatal(err)
		}
		if got := leaf(t, s, c.ID); got.Content.Plain() != text {
			t.Errorf("%d bytes came back, of %d", len(got.Content.Plain()), len(text))
		}
	}
	var size int
	if err := s.read.QueryRow("SELECT sum(length(data)) FROM blobs").Scan(&size); err != nil || size < len(texts[1]) || size > len(texts[1])+5000 {
		t.Errorf("%d bytes are kept, %v", size, err)
	}
}

// noise is text that cannot be compressed to its half.
func noise(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + random.IntN(95))
	}
	return string(b)
}

func TestMessages(t *testing.T) {
	thinking := func(open bool) engine.Chunk { return engine.Chunk{Type: engine.ThinkingChunk, Text: "hm", Open: open} }
	answer := func(chunks ...engine.Chunk) Message {
		return Message{Message: engine.Message{Role: engine.Assistant, Content: chunks}}
	}
	path := []Message{
		{Message: say(engine.User, "a")},
		answer(),                   // killed before the first word
		answer(thinking(true)),     // stopped while it thought
		answer(engine.Text("")[0]), // imported
		answer(engine.Text("b")...),
		answer(engine.Text("c")[0], thinking(true)),
		{Message: engine.Message{Role: engine.Assistant, ToolCalls: []engine.ToolCall{{ID: "x"}}}},
	}
	got := Messages(path)
	want := []engine.Message{path[0].Message, path[4].Message, answer(engine.Text("c")[0], thinking(false)).Message, path[6].Message}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if !path[5].Content[1].Open {
		t.Error("the path was changed")
	}
}

func TestAddRefuses(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	big := say(engine.User, strings.Repeat("x", maxMessage+1))
	_, err := s.Add(t.Context(), Message{Conversation: c.ID, Message: big})
	if e, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(e.Msg, fmt.Sprintf("limit of %d MB", maxMessage/1_000_000)) || e.Advice == "" {
		t.Errorf("too large: %v", err)
	}
	for _, chunk := range []int{-1, 1} {
		_, err = s.Add(t.Context(), Message{Conversation: c.ID, Message: say(engine.User, "x"), Attached: []Attachment{{chunk, "a"}}})
		if err == nil {
			t.Errorf("chunk %d of one is attached", chunk)
		}
	}
	if n := rows(t, s, "messages"); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestPathOfABrokenTreeEnds(t *testing.T) {
	tr := &tree{
		nodes:    map[int64]node{1: {2, engine.User, false}, 2: {1, engine.User, false}, 3: {2, engine.User, false}, 4: {9, engine.User, false}},
		children: map[int64][]int64{},
	}
	if got := tr.path(3); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("%v", got)
	}
	if got := tr.path(4); !slices.Equal(got, []int64{4}) {
		t.Errorf("%v", got)
	}
	if got := tr.path(8); got != nil {
		t.Errorf("%v", got)
	}
}
