package jsonl

import (
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestDecode(t *testing.T) {
	type embedded struct{ engine.Message }
	type line struct {
		Turns    []embedded        `json:"turns"`
		Text     string            `json:"text"`
		Messages []engine.Message  `json:"messages"`
		Stop     engine.StringList `json:"stop"`
	}
	for in, want := range map[string]string{
		`{"text": "a"}`:                  "",
		" {\"text\": \"a\"}\r\n":         "",
		"{\"text\": \"caf\xe9\"}":        "is not UTF-8 text",
		`{"text": "a"`:                   "is not valid JSON: it ends too early",
		`{"text": "a`:                    "is not valid JSON: it ends too early",
		``:                               "is not valid JSON: it ends too early",
		`{"text": "é", 'b': 1}`:          "is not valid JSON from character 15 on",
		`{"text": "a"} {}`:               "is not valid JSON from character 15 on",
		`text`:                           "is not valid JSON from character 2 on",
		`[]`:                             "is not a JSON object",
		`"text"`:                         "is not a JSON object",
		`null`:                           "is not a JSON object",
		`{"text": 1}`:                    "has the wrong type for text",
		`{"messages": [1]}`:              "has the wrong type for messages",
		`{"stop": [5]}`:                  "has the wrong type for stop",
		`{"turns": [{"content": 1}]}`:    "has the wrong type for turns.content",
		`{"messages": [{"role":`:         "is not valid JSON: it ends too early",
		`{"messages": [{"content": 1}]}`: "has the wrong type for messages.content",
		`{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}]}`: "has an invalid value: a call's arguments are 1, neither an object nor a string",
	} {
		var l line
		got := ""
		if err := Decode([]byte(in), &l); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
