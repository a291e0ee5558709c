package chat

import (
	"slices"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
)

func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    Question
		want string // of the last message
	}{
		{"prompt", Question{Prompt: "hello"}, "hello"},
		{"piped alone", Question{Attached: []attach.Attachment{{Text: "hello\n"}}}, "hello\n"},
		{"piped with prompt", Question{Prompt: "why?", Attached: []attach.Attachment{{Text: "a"}}}, "```\na\n```\n\nwhy?"},
		{"file", Question{Prompt: "why?", Attached: []attach.Attachment{{Name: "x/a.go", Text: "package a\n"}}}, "x/a.go:\n```go\npackage a\n```\n\nwhy?"},
		{"file alone", Question{Attached: []attach.Attachment{{Name: "a.md", Text: "```\nb\n````"}}}, "a.md:\n`````md\n```\nb\n````\n`````"},
		{"two files", Question{Attached: []attach.Attachment{{Name: "Makefile", Text: "a:"}, {Text: "b"}}}, "Makefile:\n```\na:\n```\n\n```\nb\n```"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Request("", tt.q.Message())
			if len(r.Messages) != 1 || r.Messages[0].Role != engine.User || r.Overflow != engine.OverflowDropOldest {
				t.Fatalf("request %+v", r)
			}
			if got := r.Messages[0].Content.Plain(); got != tt.want {
				t.Errorf("content\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestRequestWithSystemAndImages(t *testing.T) {
	q := Question{Prompt: "what is it?", Attached: []attach.Attachment{{Image: &attach.Image{URL: "data:image/png;base64,AA=="}}}}
	r := Request("Be brief.", q.Message())
	if len(r.Messages) != 2 || r.Messages[0].Role != engine.System || r.Messages[0].Content.Plain() != "Be brief." {
		t.Fatalf("messages %+v", r.Messages)
	}
	c := r.Messages[1].Content
	if len(c) != 2 || c[0].Type != engine.ImageChunk || c[0].ImageURL != "data:image/png;base64,AA==" || c[1].Text != "what is it?" {
		t.Errorf("content %+v", c)
	}
}

func TestContentNamesWhatIsAttached(t *testing.T) {
	image := &attach.Image{URL: "data:image/png;base64,AA=="}
	q := Question{Prompt: " why? ", Attached: []attach.Attachment{{Name: "a.go", Text: "a"}, {Name: "b.png", Image: image}, {Text: "c"}}}
	content, attached := q.Content()
	want := []Named{{0, "b.png"}, {1, "a.go"}, {2, ""}}
	if len(content) != 4 || content[0].Type != engine.ImageChunk || content[3].Text != "why?" || !slices.Equal(attached, want) {
		t.Errorf("content %+v with %v, want %v", content, attached, want)
	}
	if _, attached := (Question{Attached: []attach.Attachment{{Text: "why?"}}}).Content(); attached != nil {
		t.Errorf("a question has attached chunks %v", attached)
	}
}

func TestUnfence(t *testing.T) {
	for _, text := range []string{"a\n", "```\nb\n````\n", "\n", "a ``` b\n"} {
		for _, name := range []string{"", "a.go", "x y"} {
			if got := Unfence(Fence(name, text)); got != text {
				t.Errorf("%q in %q comes out as %q", text, name, got)
			}
		}
	}
	if got := Unfence("no fence"); got != "no fence" {
		t.Errorf("got %q", got)
	}
}

// A reason that only the server knows is shown, whatever it contains.
func TestCutOff(t *testing.T) {
	for _, tt := range []struct {
		reason engine.FinishReason
		tokens int
		want   string
	}{
		{engine.FinishStop, 9, ""},
		{engine.FinishToolCalls, 9, ""},
		{"", 9, ""},
		{engine.FinishLength, 9, "cut off after 9 tokens"},
		{engine.FinishLength, 0, "cut off: the token limit is reached"},
		{engine.FinishModelLength, 0, "cut off: the context is full"},
		{engine.FinishRefusal, 9, "a refusal"},
		{"content_filter", 9, `cut off by the server: "content_filter"`},
		{"a\x1b[2J", 9, `cut off by the server: "a\x1b[2J"`},
	} {
		if got := CutOff(tt.reason, tt.tokens); got != tt.want {
			t.Errorf("CutOff(%q, %d) = %q, want %q", tt.reason, tt.tokens, got, tt.want)
		}
	}
}
