package tune

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Fixed says what Fix did.
type Fixed struct {
	Written   int `json:"written"`   // lines
	Converted int `json:"converted"` // from ShareGPT, or other names of roles
	Shortened int `json:"shortened"` // messages behind the last answer were removed
	Joined    int `json:"joined"`    // answers in a row became one
	Removed   int `json:"removed"`   // lines that cannot be used, repeated ones among them

	Data *Report `json:"data"` // of the corrected lines, and why others were removed
}

// Fix writes the lines of a file that can be trained on to another one, in the names of La
// Plateforme. Lines with a fault that has one obvious correction are corrected. Lines that
// [Check] does not use then are left out.
func Fix(ctx context.Context, from, to string, o CheckOptions) (fixed Fixed, err error) {
	f, err := createNew(to)
	if err != nil {
		return fixed, writeError(to, err)
	}
	out := bufio.NewWriter(f)
	var did Fixed // to the last line
	o.parse = func(data []byte) (x Example, err error) {
		x, did, err = mend(data)
		return x, err
	}
	o.Each = func(x Example, _ []Sequence) error {
		fixed.Converted += did.Converted
		fixed.Shortened += did.Shortened
		fixed.Joined += did.Joined
		return writeExample(out, x)
	}
	r, err := Check(ctx, from, o)
	if err == nil {
		fixed.Written, fixed.Removed, fixed.Data = r.Examples, r.Lines-r.Examples, r
		err = out.Flush()
	}
	if err == nil && fixed.Written == 0 {
		err = nothingLeft(r)
	}
	if err != nil {
		f.Discard()
	} else {
		err = f.Commit()
	}
	if fault.KindOf(err) == "" {
		err = writeError(to, err)
	}
	return fixed, err
}

// nothingLeft is the error of a file without a line that can be used.
func nothingLeft(r *Report) error {
	if r.Wrong > 0 {
		return fault.Errorf(fault.Usage, "%s has no line that can be trained on: %s", r.File, r.WrongLines())
	}
	return r.Err()
}

// createNew creates an output file. A file that exists is never replaced: it may be data.
func createNew(path string) (*atomicfile.File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fault.Advise(fault.Errorf(fault.Usage, "%s exists", path), "Remove it, or give another name.")
	}
	return atomicfile.Create(path, 0o666)
}

// writeError is an error about an output file, or ctx's cause as it is.
func writeError(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), fault.KindOf(err) != "":
		return err
	case atomicfile.Full(err):
		return fault.Errorf(fault.NoSpace, "cannot write %s: the disk is full", path)
	}
	return fault.Errorf(fault.File, "cannot write %s: %w", path, err)
}

// roles are other names of roles.
var roles = map[string]engine.Role{
	"human": engine.User, "prompter": engine.User, "gpt": engine.Assistant, "bot": engine.Assistant, "model": engine.Assistant,
	"chatgpt": engine.Assistant, "ai": engine.Assistant, "developer": engine.System, "function": engine.ToolRole, "observation": engine.ToolRole,
}

// mend corrects a line.
func mend(data []byte) (x Example, did Fixed, err error) {
	l, err := decode(data)
	if err != nil {
		return x, did, err
	}
	if len(l.Messages) == 0 && len(l.Interactions) == 0 {
		for _, c := range l.Conversations {
			l.Messages = append(l.Messages, message{Message: engine.Message{Role: engine.Role(c.From), Content: engine.Text(c.Value)}})
			did.Converted = 1
		}
	}
	if len(l.Messages) == 0 {
		l.Messages = l.Interactions
	}
	for i := range l.Messages {
		m := &l.Messages[i]
		name := strings.ToLower(strings.TrimSpace(string(m.Role)))
		if role, ok := roles[name]; ok {
			m.Role, did.Converted = role, 1
		} else if name != string(m.Role) {
			m.Role, did.Converted = engine.Role(name), 1
		}
		if m.Text != nil && len(m.Content) == 0 {
			m.Content = *m.Text
		}
		if m.Role != engine.Assistant {
			m.Weight = nil
		}
	}
	if last := lastAnswer(l.Messages); last >= 0 && last < len(l.Messages)-1 {
		l.Messages, did.Shortened = l.Messages[:last+1], 1
	}
	for i := len(l.Messages) - 1; i > 0; i-- {
		a, b := &l.Messages[i-1], l.Messages[i]
		if a.Role == engine.Assistant && b.Role == engine.Assistant && len(a.ToolCalls)+len(b.ToolCalls) == 0 {
			a.Content = engine.Text(a.Content.Plain() + "\n\n" + b.Content.Plain())
			l.Messages, did.Joined = slices.Delete(l.Messages, i, i+1), 1
		}
	}
	x, err = l.example()
	return x, did, err
}

func lastAnswer(list []message) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Role == engine.Assistant {
			return i
		}
	}
	return -1
}

// writeExample writes an example as a line of La Plateforme.
func writeExample(w *bufio.Writer, x Example) error {
	var v any
	switch x.Format {
	case Text:
		v = struct {
			Text string `json:"text"`
		}{x.Text}
	case Fill:
		v = struct {
			Prompt   string `json:"prompt"`
			Suffix   string `json:"suffix"`
			Expected string `json:"expected"`
		}{x.Prompt, x.Suffix, x.Middle}
	default:
		v = struct {
			Messages []weighted    `json:"messages"`
			Tools    []engine.Tool `json:"tools,omitempty"`
		}{x.weighted(), x.Tools}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write line %d: %w", x.Line, err)
	}
	return nil
}

// A weighted message says whether it is trained on, if it is not.
type weighted struct {
	Role       engine.Role       `json:"role"`
	Content    *engine.Content   `json:"content,omitempty"`
	ToolCalls  []engine.ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string            `json:"tool_call_id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Weight     *int              `json:"weight,omitempty"`
}

func (x Example) weighted() (list []weighted) {
	for i, m := range x.Messages {
		w := weighted{Role: m.Role, Content: &m.Content, ToolCalls: m.ToolCalls, ToolCallID: m.ToolCallID, Name: m.Name}
		if len(m.Content) == 0 {
			w.Content = nil
		}
		if m.Role == engine.Assistant && !x.Trained[i] {
			w.Weight = new(int)
		}
		list = append(list, w)
	}
	return list
}
