package eval

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/bise-sh/bise/engine"
)

// Key identifies a measurement: the same cases, model and options give the same outcomes.
// Changes are whatever else changes answers, such as the fingerprints of adapters.
func Key(cases []byte, model engine.Info, o Options, changes ...string) string {
	o.Parallel = 0 // it changes no answer
	options, _ := json.Marshal(o)
	h := sha256.New()
	parts := [][]byte{cases, []byte(model.Model), []byte(model.Fingerprint), options}
	for _, c := range changes {
		parts = append(parts, []byte(c))
	}
	for _, part := range parts {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// A Record is a file with the outcomes of a measurement, one JSON object on each line. An
// interrupted measurement continues from it.
type Record struct {
	file     *os.File
	outcomes map[int]Outcome
	err      error // of writing
	mu       sync.Mutex
}

const maxOutcome = 16 << 20 // bytes of a line

// NewRecord is a record that is not kept.
func NewRecord() *Record { return &Record{outcomes: map[int]Outcome{}} }

// OpenRecord opens the record at path, or makes it. A line that was written in part, or is
// damaged, is left out.
func OpenRecord(path string) (*Record, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	r := &Record{file: f, outcomes: map[int]Outcome{}}
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxOutcome)
	for in.Scan() {
		var o Outcome
		if json.Unmarshal(in.Bytes(), &o) == nil && o.Line > 0 {
			r.outcomes[o.Line] = o
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, errors.Join(err, f.Close())
	}
	// What follows a line that was written in part must not continue it.
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			_, r.err = f.WriteString("\n")
		}
	}
	return r, nil
}

// Add adds an outcome.
func (r *Record) Add(o Outcome) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[o.Line] = o
	if r.file == nil {
		return nil
	}
	data, err := json.Marshal(o)
	if err == nil && r.err == nil {
		_, err = r.file.Write(append(data, '\n'))
	}
	return errors.Join(r.err, err)
}

// Close closes the file, if there is one.
func (r *Record) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Missing are the cases without an outcome.
func (r *Record) Missing(cases []Case) []Case {
	return slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { _, ok := r.outcomes[c.Line]; return ok })
}

// Outcomes are those of cases, in their order.
func (r *Record) Outcomes(cases []Case) []Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Outcome
	for _, c := range cases {
		if o, ok := r.outcomes[c.Line]; ok {
			list = append(list, o)
		}
	}
	return list
}
