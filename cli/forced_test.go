//go:build cgo && !windows

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/anthropic"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// A forced call of a model of version 13, from a client over HTTP to the router, over its
// socket to the worker, to llama.cpp and back: whole and streamed, complete and cut by the
// token limit.
func TestForcedCallOverHTTP(t *testing.T) {
	dir := t.TempDir()
	for _, place := range []string{"STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		path := filepath.Join(dir, place)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_"+place, path)
	}
	model := filepath.Join(dir, "tiny.gguf")
	if err := tinymodel.Write(model, tinymodel.Tekken13()); err != nil {
		t.Fatal(err)
	}
	command, err := exec.LookPath("bise-worker")
	if err != nil {
		t.Fatal(err)
	}
	spec := worker.Spec{Name: "tiny", Path: model, Options: engine.LoadOptions{Threads: 1}, KeepAlive: time.Minute}
	e, err := worker.Open(t.Context(), spec, worker.Launcher{Command: []string{command}, LogDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		e.Close()
		if _, err := worker.Stop(context.Background(), time.Second, nil); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(api.New(api.Config{
		Families: []api.Family{anthropic.Routes},
		Open:     func(context.Context, string, func(float64)) (engine.Engine, error) { return e, nil },
	}))
	defer server.Close()

	const schema = `{"type":"object","properties":{"city":{"enum":["Paris","Rome"]},"days":{"type":"integer","minimum":1,"maximum":9}},"required":["city","days"],"additionalProperties":false}`
	tools := `"tools":[{"type":"function","function":{"name":"weather","parameters":` + schema + `}},{"type":"function","function":{"name":"other","parameters":` + schema + `}}]`
	messages := `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"How is the weather?"}]`
	forced := `{"type":"function","function":{"name":"weather"}}`

	// check checks a call that is whole, or cut.
	check := func(t *testing.T, name, arguments, reason string, cut bool) {
		t.Helper()
		var args struct {
			City string
			Days int
		}
		err := json.Unmarshal([]byte(arguments), &args)
		switch {
		case cut && (reason != "length" || name != "weather" || arguments == "" || err == nil):
			t.Errorf("a cut call: %q %q, %s", name, arguments, reason)
		case !cut && (reason != "tool_calls" || name != "weather" && name != "other" || err != nil || args.City != "Paris" && args.City != "Rome" || args.Days < 1 || args.Days > 9):
			t.Errorf("got %q %q (%v), %s", name, arguments, err, reason)
		}
	}
	type call struct {
		Function struct{ Name, Arguments string }
	}
	for seed := range 6 {
		for _, tt := range []struct {
			choice string
			limit  int
		}{{forced, 200}, {`"any"`, 200}, {forced, 16}, {forced, 4}} {
			body := fmt.Sprintf(`"seed":%d,"temperature":1,"max_tokens":%d,"tool_choice":%s,%s,%s}`, seed, tt.limit, tt.choice, tools, messages)
			status, text := fetch(t, "POST", server.URL+"/v1/chat/completions", `{`+body)
			var whole struct {
				Choices []struct {
					Message struct {
						Content   string
						ToolCalls []call `json:"tool_calls"`
					}
					FinishReason string `json:"finish_reason"`
				}
			}
			if err := json.Unmarshal([]byte(text), &whole); err != nil || status != 200 || len(whole.Choices) != 1 {
				t.Fatalf("seed %d: %d %s", seed, status, text)
			}
			c := whole.Choices[0]
			if c.Message.Content != "" {
				t.Errorf("seed %d: the call has text beside it: %q", seed, c.Message.Content)
			}
			var first struct{ Name, Arguments string }
			if len(c.Message.ToolCalls) > 0 {
				first = c.Message.ToolCalls[0].Function
			}
			if tt.limit == 4 { // in the middle of the name
				if len(c.Message.ToolCalls) > 0 || c.FinishReason != "length" {
					t.Errorf("seed %d: a cut name: %s", seed, text)
				}
			} else {
				check(t, first.Name, first.Arguments, c.FinishReason, tt.limit < 100)
			}

			status, text = fetch(t, "POST", server.URL+"/v1/chat/completions", `{"stream":true,`+body)
			var streamed call
			reason := ""
			for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
				data, ok := strings.CutPrefix(lines.Text(), "data: {")
				if !ok {
					continue
				}
				var chunk struct {
					Choices []struct {
						Delta struct {
							Content   string
							ToolCalls []call `json:"tool_calls"`
						}
						FinishReason *string `json:"finish_reason"`
					}
				}
				if err := json.Unmarshal([]byte("{"+data), &chunk); err != nil {
					t.Fatalf("%v in %s", err, data)
				}
				for _, c := range chunk.Choices {
					if c.Delta.Content != "" {
						t.Errorf("seed %d: streamed text %q", seed, c.Delta.Content)
					}
					for _, k := range c.Delta.ToolCalls {
						streamed.Function.Name += k.Function.Name
						streamed.Function.Arguments += k.Function.Arguments
					}
					if c.FinishReason != nil {
						reason = *c.FinishReason
					}
				}
			}
			if status != 200 || streamed.Function != first {
				t.Errorf("seed %d: streamed %d %+v, whole %+v", seed, status, streamed, first)
			}
			if reason != c.FinishReason {
				t.Errorf("seed %d: streamed %s, whole %s", seed, reason, c.FinishReason)
			}
		}
	}

	// The same model through Anthropic's route, where the conversation goes on after the call.
	ask := func(messages, choice string) (string, int) {
		status, text := fetch(t, "POST", server.URL+"/v1/messages", `{"model":"tiny","max_tokens":200,"temperature":1,"tool_choice":`+choice+
			`,"tools":[{"name":"weather","input_schema":`+schema+`}],"messages":[`+messages+`]}`)
		return text, status
	}
	question := `{"role":"user","content":"How is the weather?"}`
	text, status := ask(question, `{"type":"tool","name":"weather"}`)
	var reply struct {
		StopReason string `json:"stop_reason"`
		Content    []struct {
			Type, ID, Name string
			Input          struct {
				City string
				Days int
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil || status != 200 || reply.StopReason != "tool_use" || len(reply.Content) != 1 || reply.Content[0].Input.Days < 1 {
		t.Fatalf("Anthropic: %d %s", status, text)
	}
	used := reply.Content[0]
	after := fmt.Sprintf(`%s,{"role":"assistant","content":[{"type":"tool_use","id":%q,"name":"weather","input":{"city":%q,"days":%d}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":%q,"content":"sunny"}]}`,
		question, used.ID, used.Input.City, used.Input.Days, used.ID)
	if text, status := ask(after, `{"type":"any"}`); status != 200 || !strings.Contains(text, `"stop_reason":"tool_use"`) {
		t.Errorf("after a result: %d %s", status, text)
	}
}
