package chat

import (
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    Question
		want string // of the last message
	}{
		{"prompt", Question{Prompt: "hello"}, "hello"},
		{"piped alone", Question{Files: []File{{Text: "hello\n"}}}, "hello\n"},
		{"piped with prompt", Question{Prompt: "why?", Files: []File{{Text: "a"}}}, "```\na\n```\n\nwhy?"},
		{"file", Question{Prompt: "why?", Files: []File{{Name: "x/a.go", Text: "package a\n"}}}, "x/a.go:\n```go\npackage a\n```\n\nwhy?"},
		{"file alone", Question{Files: []File{{Name: "a.md", Text: "```\nb\n````"}}}, "a.md:\n`````md\n```\nb\n````\n`````"},
		{"two files", Question{Files: []File{{Name: "Makefile", Text: "a:"}, {Text: "b"}}}, "Makefile:\n```\na:\n```\n\n```\nb\n```"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.q.Request()
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
	r := Question{System: "Be brief.", Prompt: "what is it?", Images: []string{"data:image/png;base64,AA=="}}.Request()
	if len(r.Messages) != 2 || r.Messages[0].Role != engine.System || r.Messages[0].Content.Plain() != "Be brief." {
		t.Fatalf("messages %+v", r.Messages)
	}
	c := r.Messages[1].Content
	if len(c) != 2 || c[0].Type != engine.ImageChunk || c[0].ImageURL != "data:image/png;base64,AA==" || c[1].Text != "what is it?" {
		t.Errorf("content %+v", c)
	}
}
