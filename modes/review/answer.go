package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/render/term"
)

// A claim is a finding as the model writes it.
type claim struct {
	File        text    `json:"file"`
	Line        number  `json:"line"`
	EndLine     number  `json:"end_line"`
	Code        quote   `json:"code"`
	Title       text    `json:"title"`
	Why         text    `json:"why"`
	Severity    text    `json:"severity"`
	Category    text    `json:"category"`
	Replacement *string `json:"-"`
	Confidence  number  `json:"confidence"`
}

// UnmarshalJSON takes a replacement that is no string for none.
func (c *claim) UnmarshalJSON(data []byte) error {
	type plain claim
	var v struct {
		plain
		Replacement json.RawMessage `json:"replacement"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*c = claim(v.plain)
	var s *string
	if json.Unmarshal(v.Replacement, &s) == nil {
		c.Replacement = s
	}
	return nil
}

// A verdict is what the model says to a finding of its own.
type verdict struct {
	Finding    number `json:"finding"` // from 1
	Holds      *bool  `json:"holds"`
	Severity   text   `json:"severity"`
	Confidence number `json:"confidence"`
}

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 1 << 20

var errNoJSON = errors.New("the answer is not of the form that was asked for")

// elements reads the elements of the list of that name in an answer. Models that
// are held to a form write nothing else; others put words or a fence around it, or
// give the list alone, which is one of objects, as brackets in prose are not. An answer that was cut off has the elements before the cut,
// and cut is true. Elements that cannot be read are passed over.
func elements[T any](answer, list string) (found []T, cut bool, err error) {
	answer = answer[:min(len(answer), maxAnswer)]
	start := strings.IndexAny(answer, "{[")
	for ; start >= 0; start = next(answer, start) {
		value := answer[start:]
		d := json.NewDecoder(strings.NewReader(value))
		if value[0] == '[' && !strings.HasPrefix(strings.TrimSpace(value[1:]), "{") || !enter(d, list) {
			continue
		}
		for d.More() {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return found, true, nil
			}
			var v T
			if json.Unmarshal(raw, &v) == nil {
				found = append(found, v)
			}
		}
		_, err := d.Token()
		return found, err != nil, nil
	}
	return nil, false, errNoJSON
}

// next is where the next JSON value may begin.
func next(s string, after int) int {
	i := strings.IndexAny(s[after+1:], "{[")
	if i < 0 {
		return -1
	}
	return after + 1 + i
}

// enter reads up to the first element of the list: it is the value, or one of an
// object's. It gives up after what is neither.
func enter(d *json.Decoder, list string) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	if t == json.Delim('[') {
		return true
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false
		}
		if key == list {
			t, err := d.Token()
			return err == nil && t == json.Delim('[')
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return false
		}
	}
	return false
}

// A quote is a string that is only compared with code.
type quote string

func (q *quote) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*q = quote(s)
	}
	return nil
}

// A text is a string that people are shown: nothing in it commands a terminal.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(strings.TrimSpace(term.Clean(s)))
	}
	return nil
}

// sentence is the text in one line, without its full stop.
func (t text) sentence() string {
	return strings.TrimSuffix(strings.Join(strings.FieldsFunc(string(t), unicode.IsSpace), " "), ".")
}

// A number is a whole number, also when it is written as a string, a fraction of
// one, or the first of a range. What is none is 0.
type number int

func (n *number) UnmarshalJSON(data []byte) error {
	data = bytes.Trim(data, `"`)
	end := 0
	for end < len(data) && (data[end] >= '0' && data[end] <= '9' || data[end] == '.') {
		end++
	}
	f, err := strconv.ParseFloat(string(data[:end]), 64)
	switch {
	case err != nil, math.IsInf(f, 0), f > maxLine:
		*n = 0
	case f < 1: // a share
		*n = number(math.Round(f * 100))
	default:
		*n = number(f)
	}
	return nil
}

// share is the number as a share of 100.
func (n number) share() float64 { return float64(min(n, 100)) / 100 }
