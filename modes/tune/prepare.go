package tune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A Problem is what is wrong with a line.
type Problem struct {
	Line int    `json:"line"`
	Text string `json:"problem"` // a clause: "has no assistant turn"
}

// A Report describes a file of training data.
type Report struct {
	File     string         `json:"file"`
	Lines    int            `json:"lines"` // that are not empty
	Examples int            `json:"examples"`
	Formats  map[Format]int `json:"formats"`
	Turns    int            `json:"trained_turns"` // of conversations

	Wrong    int       `json:"wrong_lines"`
	Problems []Problem `json:"problems"` // of the first maxListed lines that are wrong

	Repeated   int   `json:"repeated"` // lines equal to an earlier one
	RepeatedAt []int `json:"repeated_lines,omitempty"`
	Known      int   `json:"in_validation"` // lines that are in the validation data too
	KnownAt    []int `json:"in_validation_lines,omitempty"`

	// With a model:
	Sequences int     `json:"sequences,omitempty"`
	Tokens    int64   `json:"tokens,omitempty"`
	Trained   int64   `json:"trained_tokens,omitempty"` // that the model learns to write
	Lengths   Lengths `json:"lengths,omitzero"`         // of sequences, in tokens
	// LongestAnswer is the most tokens that a sequence trains.
	LongestAnswer int   `json:"longest_answer,omitempty"`
	TooLong       int   `json:"too_long"` // examples left out
	TooLongAt     []int `json:"too_long_lines,omitempty"`

	sums    map[sum]bool
	lengths []int32
	format  Format // of the first example
	first   int    // its line
	encoded bool   // with a model
}

// Lengths are those of sequences in tokens.
type Lengths struct {
	Median int `json:"median"`
	P95    int `json:"p95"`
	Max    int `json:"max"`
}

const (
	maxListed    = 1000 // lines that a report lists of each kind
	maxExplained = 5    // wrong lines of which a text says what is wrong
	maxRanges    = 50   // numbers, and ranges of them, that a text lists
)

func (r *Report) problem(line int, text string) {
	if r.Wrong++; len(r.Problems) < maxListed {
		r.Problems = append(r.Problems, Problem{line, text})
	}
}

func list(at []int, line int) []int {
	if len(at) < maxListed {
		at = append(at, line)
	}
	return at
}

// Err returns an error of kind Usage that lists what is wrong with the file, or nil.
func (r *Report) Err() error {
	switch {
	case r.Wrong > 0:
		model := ""
		if r.encoded {
			model = "-m MODEL " // some lines may be wrong for this model only
		}
		return fault.Advise(fault.Errorf(fault.Usage, "cannot train on %s: %s", r.File, r.WrongLines()),
			"Correct the lines, or write a file without them: bise tune %s--data %s --fix FILE.", model, r.File)
	case r.Lines == 0:
		return fault.Advise(fault.Errorf(fault.Usage, "%s is empty", r.File), `Each line is an example, such as {"messages": […]}. See docs/tune.md.`)
	case r.Examples == 0 && r.TooLong == 0:
		return fault.Advise(fault.Errorf(fault.Usage, "cannot train on %s: all of its lines are in the validation data", r.File), "Give other examples with --valid.")
	case r.Examples == 0:
		return fault.Advise(fault.Errorf(fault.Usage, "cannot train on %s: all of its lines are too long", r.File), "Give a larger --sequence-length, or other data.")
	}
	return nil
}

// WrongLines says what is wrong with the first lines, and lists the numbers of the others.
func (r *Report) WrongLines() string {
	var parts []string
	var others []int
	for i, p := range r.Problems {
		if i < maxExplained {
			parts = append(parts, fmt.Sprintf("line %d %s", p.Line, p.Text))
		} else {
			others = append(others, p.Line)
		}
	}
	if n := r.Wrong - len(parts); n > 0 {
		parts = append(parts, "also "+LineNumbers(others, n))
	}
	return strings.Join(parts, "; ")
}

// LineNumbers lists the numbers of n lines, in ranges where they follow each other. At has the
// first of them, in order.
func LineNumbers(at []int, n int) string {
	var ranges []string
	listed := 0
	for listed < len(at) && len(ranges) < maxRanges {
		first := at[listed]
		last := first
		for listed++; listed < len(at) && at[listed] == last+1; listed++ {
			last++
		}
		text := fmt.Sprint(first)
		if last > first {
			text += fmt.Sprint("-", last)
		}
		ranges = append(ranges, text)
	}
	s := "lines " + strings.Join(ranges, ", ")
	if n == 1 {
		s = "line " + ranges[0]
	}
	if n > listed {
		s += fmt.Sprintf(" and %d more", n-listed)
	}
	return s
}

// CheckOptions say how a file is checked.
type CheckOptions struct {
	Encoder        *Encoder // nil: tokens are not counted
	SequenceLength int      // tokens of a sequence at most; longer examples are left out
	Validation     *Report  // of the validation file: its examples are left out
	// Each is called for every example that is used and, with an encoder, its sequences. It
	// may be nil.
	Each func(x Example, sequences []Sequence) error
	// Progress, which may be nil, is called with the number of bytes read.
	Progress func(done, total int64)

	parse func(data []byte) (Example, error) // nil: [parse]
}

// Check reads a file of training data line by line. What is wrong with lines is in the
// report; the error is of reading, of the engine or of Each.
func Check(ctx context.Context, path string, o CheckOptions) (*Report, error) {
	f, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if o.parse == nil {
		o.parse = parse
	}
	r := &Report{File: path, Formats: map[Format]int{}, Problems: []Problem{}, sums: map[sum]bool{}, encoded: o.Encoder != nil}
	in := &counter{Reader: f, total: size, progress: o.Progress}
	err = scan(ctx, in, func(n int, data []byte, size int64) error {
		r.Lines++
		if data == nil {
			r.problem(n, tooLong(size))
			return nil
		}
		x, err := o.parse(data)
		if err != nil {
			r.problem(n, err.Error())
			return nil
		}
		x.Line = n
		return r.add(ctx, x, o)
	})
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, readError(path, e.Err)
		}
		return nil, err
	}
	r.measure()
	return r, nil
}

// add takes an example in, unless it must be left out.
func (r *Report) add(ctx context.Context, x Example, o CheckOptions) error {
	if r.format == "" {
		r.format, r.first = x.Format, x.Line
	}
	if x.Format != r.format {
		r.problem(x.Line, fmt.Sprintf("has the format %s, but line %d has the format %s", x.Format, r.first, r.format))
		return nil
	}
	s := x.sum()
	switch {
	case o.Validation != nil && o.Validation.sums[s]:
		r.Known, r.KnownAt = r.Known+1, list(r.KnownAt, x.Line)
		return nil
	case r.sums[s]:
		r.Repeated, r.RepeatedAt = r.Repeated+1, list(r.RepeatedAt, x.Line)
		return nil
	}
	r.sums[s] = true
	var sequences []Sequence
	if o.Encoder != nil {
		var err error
		sequences, err = o.Encoder.Sequences(ctx, x, o.SequenceLength)
		if e, ok := errors.AsType[*lineError](err); ok {
			r.problem(x.Line, e.Error())
			return nil
		}
		if errors.Is(err, errTooLong) {
			r.TooLong, r.TooLongAt = r.TooLong+1, list(r.TooLongAt, x.Line)
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.Examples++
	r.Formats[x.Format]++
	for _, t := range x.Trained {
		if t {
			r.Turns++
		}
	}
	for _, s := range sequences {
		r.Sequences++
		r.Tokens += int64(len(s))
		r.Trained += int64(s.Trained())
		r.LongestAnswer = max(r.LongestAnswer, s.Trained())
		r.lengths = append(r.lengths, int32(len(s)))
	}
	if o.Each != nil {
		return o.Each(x, sequences)
	}
	return nil
}

func (r *Report) measure() {
	if n := len(r.lengths); n > 0 {
		slices.SortFunc(r.lengths, cmp.Compare)
		r.Lengths = Lengths{int(r.lengths[n/2]), int(r.lengths[n*95/100]), int(r.lengths[n-1])}
	}
}

// open opens a regular file: data is read twice.
func open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, 0, fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: it is not a regular file", path), "Give the path of a file with one example on each line.")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, 0, readError(path, err)
	}
	return f, info.Size(), nil
}

func readError(path string, err error) error {
	return fault.Advise(fault.Errorf(fault.Usage, "cannot read %s: %w", path, err), "Check the path, and whether the file may be read.")
}

// counter counts what is read.
type counter struct {
	io.Reader
	done, total int64
	progress    func(done, total int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.done += int64(n); c.progress != nil {
		c.progress(c.done, c.total)
	}
	return n, err
}

// CountLines returns the number of lines of a file.
func CountLines(ctx context.Context, path string) (n int, err error) {
	f, _, err := open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = scan(ctx, f, func(int, []byte, int64) error { n++; return nil })
	return n, err
}

// HoldOut decides which examples of n are kept for validation: every tenth, or about 100 of
// many. Index counts from 0.
func HoldOut(index, n int) bool {
	stride := max(10, n/100)
	return index%stride == stride-1
}
