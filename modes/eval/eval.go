// Package eval measures how well a model answers: it asks a model every case of a file, judges
// the answers, and compares two models on the same cases.
//
// A case says what is right: an exact text, a text that the answer contains, a number, one of
// several choices, a JSON schema, or the middle of a text. Shares come with Wilson's interval,
// and two models are compared by McNemar's exact test.
package eval

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/jsonl"
	"github.com/bise-sh/bise/modes/math"
	"github.com/bise-sh/bise/units"
)

// A Metric is the way in which an answer is judged.
type Metric string

const (
	Exact    Metric = "exact"    // equal, apart from white space around it
	Contains Metric = "contains" // contains every text, whatever the case of letters
	Numeric  Metric = "numeric"  // the final answer has the same value
	Choice   Metric = "choice"   // the right choice is the most likely continuation
	Schema   Metric = "schema"   // valid JSON that satisfies a schema
	Infill   Metric = "infill"   // the middle of a text, equal apart from white space around it
)

// A Case is a question, and what is right.
type Case struct {
	Line     int // in the file, from 1
	Metric   Metric
	Messages []engine.Message // of all but Infill
	Tools    []engine.Tool
	Prompt   string // of Infill
	Suffix   string

	Expected string   // of Exact, Numeric and Infill
	Contains []string // of Contains
	Choices  []string // of Choice
	Answer   int      // index of the right choice
	schema   *grammar.Schema
}

const (
	maxLine   = 4 << 20 // bytes
	maxCases  = 100_000
	maxErrors = 5 // to report
)

// Read reads a file of cases: a JSON object on each line. Empty lines are skipped. The error,
// of kind Usage, names the first lines that are wrong; name is that of the file.
func Read(r io.Reader, name string) ([]Case, error) {
	var cases []Case
	var wrong []string
	failed := 0
	in := bufio.NewReaderSize(r, maxLine)
	for line := 1; ; line++ {
		data, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: line %d is longer than %d MiB", name, line, maxLine>>20), "Each line is one case, a JSON object.")
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fault.Errorf(fault.File, "cannot read %s: %w", name, err)
		}
		if len(bytes.TrimSpace(data)) > 0 {
			c, problem := parse(bytes.TrimPrefix(data, []byte("\ufeff")))
			if problem != nil {
				if failed++; failed <= maxErrors {
					wrong = append(wrong, fmt.Sprintf("line %d %v", line, problem))
				}
			}
			c.Line = line
			cases = append(cases, c)
		}
		if len(cases) > maxCases {
			return nil, fault.Errorf(fault.Usage, "cannot read %s: it has more than %d cases", name, maxCases)
		}
		if err != nil {
			break
		}
	}
	const advice = "Write prompt or messages, and one of expected, contains, numeric, choices with answer, or schema; with prompt and suffix, expected. See docs/eval.md."
	switch {
	case failed > maxErrors:
		wrong = append(wrong, fmt.Sprintf("and %d more", failed-maxErrors))
		fallthrough
	case failed > 0:
		return nil, fault.Advise(fault.Errorf(fault.Usage, "cannot use %s: %s", name, strings.Join(wrong, "; ")), "%s", advice)
	case len(cases) == 0:
		return nil, fault.Advise(fault.Errorf(fault.Usage, "%s has no cases", name), "%s", advice)
	}
	return cases, nil
}

// Usable returns the lines of data that are cases. Data for training also has lines that
// cannot be judged, such as texts and tool calls.
func Usable(data []byte) (cases []Case) {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if len(line) > maxLine || len(cases) == maxCases {
			continue
		}
		if c, err := parse(line); err == nil {
			c.Line = n
			cases = append(cases, c)
		}
	}
	return cases
}

// A line is a case as it is written.
type line struct {
	Messages   []engine.Message  `json:"messages"`
	Tools      []engine.Tool     `json:"tools"`
	Prompt     *string           `json:"prompt"`
	Suffix     *string           `json:"suffix"`
	Expected   *scalar           `json:"expected"`
	Contains   engine.StringList `json:"contains"`
	Numeric    *scalar           `json:"numeric"`
	Choices    []string          `json:"choices"`
	Answer     *scalar           `json:"answer"`
	Schema     json.RawMessage   `json:"schema"`
	Completion *scalar           `json:"completion"` // another name of expected
}

// A scalar is a string or a number, as its text.
type scalar string

// UnmarshalJSON reads a string, a number, true or false.
func (s *scalar) UnmarshalJSON(data []byte) error {
	var text string
	if data[0] != '"' {
		if data[0] == '{' || data[0] == '[' {
			return &json.UnmarshalTypeError{Value: "object", Type: reflect.TypeFor[scalar]()}
		}
		*s = scalar(data)
		return nil
	}
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*s = scalar(text)
	return nil
}

// parse reads a line. The error is a clause about it.
func parse(data []byte) (Case, error) {
	var l line
	if err := jsonl.Decode(data, &l); err != nil {
		return Case{}, err
	}
	if l.Expected == nil {
		l.Expected = l.Completion
	}
	c := Case{Messages: l.Messages, Tools: l.Tools}
	if err := c.question(l); err != nil {
		return c, err
	}
	if err := c.right(l); err != nil || c.Metric == Infill {
		return c, err
	}
	if err := (&engine.ChatRequest{Messages: c.Messages, Tools: c.Tools}).Check(); err != nil {
		return c, fmt.Errorf("cannot be asked: %w", err)
	}
	return c, nil
}

// question sets what the model is asked.
func (c *Case) question(l line) error {
	switch {
	case len(l.Messages) > 0 && l.Prompt != nil:
		return errors.New("has both prompt and messages")
	case l.Suffix != nil && l.Prompt == nil:
		return errors.New("has a suffix and no prompt")
	case l.Suffix != nil:
		c.Prompt, c.Suffix = *l.Prompt, *l.Suffix
	case l.Prompt != nil:
		if strings.TrimSpace(*l.Prompt) == "" {
			return errors.New("has an empty prompt")
		}
		c.Messages = []engine.Message{{Role: engine.User, Content: engine.Text(*l.Prompt)}}
	case len(l.Messages) == 0:
		return errors.New("has neither prompt nor messages")
	}
	return nil
}

// right sets what is right, which is exactly one thing.
func (c *Case) right(l line) error {
	// In training data the last message is the right answer.
	last := len(c.Messages) - 1
	said := last >= 0 && c.Messages[last].Role == engine.Assistant && !c.Messages[last].Prefix
	kinds := []struct {
		metric Metric
		key    string
		given  bool
	}{
		{Exact, "expected", l.Expected != nil && l.Suffix == nil},
		{Infill, "expected", l.Suffix != nil && l.Expected != nil},
		{Contains, "contains", len(l.Contains) > 0},
		{Numeric, "numeric", l.Numeric != nil},
		{Choice, "choices", l.Choices != nil || l.Answer != nil},
		{Schema, "schema", len(l.Schema) > 0 && string(l.Schema) != "null"},
	}
	var names []string
	for _, k := range kinds {
		if k.given {
			c.Metric = k.metric
			names = append(names, k.key)
		}
	}
	switch {
	case len(names) > 1:
		return fmt.Errorf("says what is right in %d ways: %s", len(names), strings.Join(names, ", "))
	case len(names) == 0 && !said:
		return errors.New("does not say what is right")
	case l.Suffix != nil && c.Metric != Infill:
		return fmt.Errorf("has a suffix and %s: want expected", names[0])
	case said:
		if len(names) == 0 {
			c.Metric, c.Expected = Exact, c.Messages[last].Content.Plain()
			if len(c.Messages[last].ToolCalls) > 0 {
				return errors.New("ends with a tool call, which cannot be judged")
			}
		}
		c.Messages = c.Messages[:last] // the right answer is not shown to the model
		if last == 0 {
			return errors.New("has no question before its answer")
		}
	}
	switch c.Metric {
	case Exact, Infill:
		if l.Expected != nil {
			c.Expected = string(*l.Expected)
		}
	case Numeric:
		c.Expected = string(*l.Numeric)
		if math.Parse(c.Expected).HasWords() {
			return fmt.Errorf("has no number or expression under numeric: %.40q", c.Expected)
		}
	case Contains:
		if c.Contains = l.Contains; slices.ContainsFunc(c.Contains, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			return errors.New("has an empty text under contains")
		}
	case Choice:
		return c.choice(l)
	case Schema:
		var err error
		if c.schema, err = grammar.Compile(context.Background(), l.Schema); err != nil {
			return fmt.Errorf("has an invalid schema: %w", err)
		}
		return nil
	}
	if c.Metric != Contains && strings.TrimSpace(c.Expected) == "" {
		return errors.New("expects an empty answer")
	}
	return nil
}

func (c *Case) choice(l line) error {
	const maxChoices = 64
	switch {
	case len(l.Choices) < 2 || len(l.Choices) > maxChoices:
		return fmt.Errorf("has %s: want 2 to %d", units.Plural(len(l.Choices), "choice"), maxChoices)
	case l.Answer == nil:
		return errors.New("has choices and no answer")
	case slices.Contains(l.Choices, ""):
		return errors.New("has an empty choice")
	}
	for i, choice := range l.Choices {
		if slices.Contains(l.Choices[:i], choice) {
			return fmt.Errorf("has the choice %.40q twice", choice)
		}
	}
	c.Choices = l.Choices
	if c.Answer = slices.Index(l.Choices, string(*l.Answer)); c.Answer >= 0 {
		return nil
	}
	n, err := strconv.Atoi(string(*l.Answer))
	if err != nil || n < 0 || n >= len(l.Choices) {
		return fmt.Errorf("has the answer %.40q, which is not one of its choices, and no index from 0 to %d", string(*l.Answer), len(l.Choices)-1)
	}
	c.Answer = n
	return nil
}
