package tune

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/jsonl"
	"github.com/bise-sh/bise/units"
)

// A Format is what a line of training data is.
type Format string

const (
	Chat Format = "conversation" // messages, the last one from the assistant
	Text Format = "text"         // {"text": …}
	Fill Format = "infill"       // prompt, suffix, and the text between them
)

// An Example is a line of training data.
type Example struct {
	Line   int // in its file, from 1
	Format Format

	Messages []engine.Message // of Chat
	Trained  []bool           // which of Messages the model learns to write
	Tools    []engine.Tool

	Text                   string // of Text
	Prompt, Suffix, Middle string // of Fill
}

// maxLine is the maximum length of a line in bytes: a longer one is skipped, not held.
const maxLine = 16 << 20

// A line as it is written, with the other names of La Plateforme's trainer and of eval.
type line struct {
	Messages       []message      `json:"messages"`
	Interactions   []message      `json:"interactions"`
	Tools          []engine.Tool  `json:"tools"`
	AvailableTools []engine.Tool  `json:"available_tools"`
	OnlyLast       bool           `json:"only_last"`
	Text           *string        `json:"text"`
	Content        *string        `json:"content"`
	Prompt         *string        `json:"prompt"`
	Suffix         *string        `json:"suffix"`
	Expected       *string        `json:"expected"`
	Completion     *string        `json:"completion"`
	Conversations  []conversation `json:"conversations"` // of ShareGPT: Fix converts it
}

type message struct {
	engine.Message
	Text   *engine.Content `json:"text"` // another name of content
	Weight *float64        `json:"weight"`
}

type conversation struct {
	From  string `json:"from"`
	Value string `json:"value"`
}

// parse reads a line. The error is a clause about it, such as "has no assistant turn".
func parse(data []byte) (Example, error) {
	l, err := decode(data)
	if err != nil {
		return Example{}, err
	}
	return l.example()
}

func decode(data []byte) (l line, err error) {
	err = jsonl.Decode(data, &l)
	return l, err
}

func (l line) example() (x Example, err error) {
	if len(l.Messages) == 0 {
		l.Messages = l.Interactions
	}
	if len(l.Tools) == 0 {
		l.Tools = l.AvailableTools
	}
	if l.Text == nil {
		l.Text = l.Content
	}
	if l.Expected == nil {
		l.Expected = l.Completion
	}
	switch {
	case given(len(l.Messages) > 0, l.Text != nil, l.Prompt != nil) > 1:
		return x, errors.New("has more than one of messages, text and prompt")
	case len(l.Messages) > 0:
		x = Example{Format: Chat, Tools: l.Tools}
		return x, x.converse(l)
	case l.Text != nil:
		if strings.TrimSpace(*l.Text) == "" {
			return x, errors.New("has an empty text")
		}
		return Example{Format: Text, Text: *l.Text}, nil
	case l.Prompt != nil && l.Expected == nil:
		return x, errors.New("has a prompt and no expected")
	case l.Prompt != nil && *l.Expected == "":
		return x, errors.New("expects an empty text")
	case l.Prompt != nil && l.Suffix != nil:
		return Example{Format: Fill, Prompt: *l.Prompt, Suffix: *l.Suffix, Middle: *l.Expected}, nil
	case l.Prompt != nil:
		x = Example{Format: Chat, Tools: l.Tools}
		l.Messages = []message{
			{Message: engine.Message{Role: engine.User, Content: engine.Text(*l.Prompt)}},
			{Message: engine.Message{Role: engine.Assistant, Content: engine.Text(*l.Expected)}},
		}
		return x, x.converse(l)
	case len(l.Conversations) > 0:
		return x, errors.New("has conversations in the format of ShareGPT, which --fix converts")
	}
	return x, errors.New("has none of messages, text and prompt")
}

func given(list ...bool) (n int) {
	for _, b := range list {
		if b {
			n++
		}
	}
	return n
}

// converse sets the messages, and which of them are trained.
func (x *Example) converse(l line) error {
	last := -1
	for i, m := range l.Messages {
		if m.Text != nil && len(m.Content) == 0 {
			m.Content = *m.Text
		}
		if err := check(i, m, l.Messages[:i]); err != nil {
			return err
		}
		trained := m.Role == engine.Assistant && (m.Weight == nil || *m.Weight == 1)
		m.Prefix = false
		for k := range m.ToolCalls {
			if c := &m.ToolCalls[k]; c.ID == "" {
				c.ID = callID(i, k) // the last call may have none
			}
		}
		x.Messages, x.Trained = append(x.Messages, m.Message), append(x.Trained, trained)
		if m.Role == engine.Assistant {
			last = i
		}
	}
	switch n := len(x.Messages); {
	case last < 0:
		return errors.New("has no assistant turn")
	case last != n-1:
		return fmt.Errorf("ends with a message from %s: the last one must be from the assistant", x.Messages[n-1].Role)
	}
	if l.OnlyLast {
		for i := range x.Trained[:last] {
			x.Trained[i] = false
		}
	}
	if !slices.Contains(x.Trained, true) {
		return errors.New("trains nothing: every assistant turn has the weight 0")
	}
	return nil
}

// callID makes an id for a call, of the nine characters that models know.
func callID(message, call int) string { return fmt.Sprintf("call%02d%03d", call%100, message%1000) }

// check reports what is wrong with message i whatever the model is.
func check(i int, m message, before []message) error {
	empty := len(m.Content) == 0 || len(m.Content) == 1 && m.Content[0].Type == engine.TextChunk && m.Content[0].Text == ""
	follows := engine.Role("")
	if i > 0 {
		follows = before[i-1].Role
	}
	switch m.Role {
	case engine.System, engine.User, engine.Assistant, engine.ToolRole:
	case "":
		return fmt.Errorf("has no role in message %d", i+1)
	default:
		return fmt.Errorf("has the unknown role %.40q in message %d: want system, user, assistant or tool", m.Role, i+1)
	}
	switch {
	case m.Role == engine.Assistant && (follows == "" || follows == engine.System):
		return fmt.Errorf("has an answer without a question, in message %d", i+1)
	case m.Role == engine.Assistant && follows == engine.Assistant:
		return fmt.Errorf("has two assistant turns in a row, messages %d and %d", i, i+1)
	case m.Role == engine.ToolRole && follows != engine.ToolRole && (follows != engine.Assistant || len(before[i-1].ToolCalls) == 0):
		return fmt.Errorf("has a tool's result without a call, in message %d", i+1)
	case empty && len(m.ToolCalls) == 0 && (m.Role == engine.Assistant || m.Role == engine.User):
		return fmt.Errorf("has an empty message %d", i+1)
	case m.Role != engine.Assistant && m.Weight != nil && *m.Weight != 0:
		return fmt.Errorf("has a weight in message %d, which is not from the assistant", i+1)
	case m.Weight != nil && *m.Weight != 0 && *m.Weight != 1:
		return fmt.Errorf("has the weight %v in message %d: want 0 or 1", *m.Weight, i+1)
	}
	for _, c := range m.Content {
		switch c.Type {
		case engine.TextChunk, engine.ThinkingChunk:
		case engine.ImageChunk:
			return fmt.Errorf("has an image in message %d: only text can be trained", i+1)
		default:
			return fmt.Errorf("has a chunk of the unknown type %.40q in message %d", c.Type, i+1)
		}
	}
	return nil
}

// A sum identifies an example by its content.
type sum [16]byte

// sum is equal for lines that differ only in spaces, key order and other names of a key.
func (x Example) sum() sum {
	x.Line = 0
	data, err := json.Marshal(x)
	if err != nil { // a chunk of an unknown type, which check has refused
		panic("tune: " + err.Error())
	}
	full := sha256.Sum256(data)
	return sum(full[:16])
}

// scan calls each for every line that is not empty, with its number. Of a line longer than
// maxLine the data is nil and size its length: no more than maxLine bytes are held.
func scan(ctx context.Context, r io.Reader, each func(n int, data []byte, size int64) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	var buf []byte
	for n := 1; ; n++ {
		buf = buf[:0]
		var size int64
		var err error
		for more := true; more; {
			var part []byte
			part, err = in.ReadSlice('\n')
			size += int64(len(part))
			if size <= maxLine {
				buf = append(buf, part...)
			}
			more = errors.Is(err, bufio.ErrBufferFull)
			if more && ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		data := bytes.TrimSpace(bytes.TrimPrefix(buf, []byte("\ufeff")))
		if size > maxLine {
			data = nil
		}
		if len(data) > 0 || size > maxLine {
			if err := each(n, data, size); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// tooLong is the problem of a line.
func tooLong(size int64) string {
	return fmt.Sprintf("has %s: want at most %s", units.Size(size), units.Size(maxLine))
}
