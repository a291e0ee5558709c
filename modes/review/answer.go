package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/term"
)

// A claim is a finding in the model's answer, not yet verified.
type claim struct {
	File        quote   `json:"file"` // as the model sees it
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

// UnmarshalJSON ignores a replacement that is not a string.
func (c *claim) UnmarshalJSON(data []byte) error {
	type fields claim
	var v struct {
		fields
		Replacement json.RawMessage `json:"replacement"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*c = claim(v.fields)
	var s *string
	if json.Unmarshal(v.Replacement, &s) == nil {
		c.Replacement = s
	}
	return nil
}

// A verdict is the model's verification of a finding.
type verdict struct {
	Holds    *bool `json:"holds"`
	Severity text  `json:"severity"`
}

// maxVerdict is how many bytes of an answer are searched for a verdict.
const maxVerdict = 16 << 10

// decodeVerdict returns the first verdict in an answer, which may have prose around it.
func decodeVerdict(answer string) (v verdict, ok bool) {
	answer = answer[:min(len(answer), maxVerdict)]
	for start := strings.IndexByte(answer, '{'); start >= 0; start = next(answer, start) {
		v = verdict{}
		if json.NewDecoder(strings.NewReader(answer[start:])).Decode(&v) == nil && v.Holds != nil {
			return v, true
		}
	}
	return verdict{}, false
}

// decision matches the answer to whether a finding holds, up to its first letter.
var decision = regexp.MustCompile(`"holds"\s*:\s*([tf])`)

// probability returns the probability of true where an answer says whether a finding holds,
// against that of false. ok is false if the tokens do not tell.
func probability(tokens []engine.Logprob) (p float64, ok bool) {
	var answer strings.Builder
	for _, t := range tokens {
		answer.WriteString(t.Token)
	}
	at := decision.FindStringSubmatchIndex(answer.String())
	if at == nil {
		return 0, false
	}
	end := 0
	for _, t := range tokens {
		if end += len(t.Token); end <= at[2] {
			continue
		}
		var yes, no float64
		for _, a := range t.Top {
			switch word := strings.Trim(a.Token, "\": \t\n"); {
			case word == "":
			case strings.HasPrefix("true", word):
				yes += math.Exp(a.Logprob)
			case strings.HasPrefix("false", word):
				no += math.Exp(a.Logprob)
			}
		}
		return yes / (yes + no), yes+no > 0
	}
	return 0, false
}

// maxAnswer is the longest accepted answer, in bytes.
const maxAnswer = 1 << 20

var errNoJSON = errors.New("the answer does not contain the requested JSON")

// A listState is what is wrong with a list in an answer, or "".
type listState string

const (
	truncated listState = "truncated" // the answer ends within the list
	malformed listState = "malformed" // an element does not decode
)

// elements decodes the elements of the named list in an answer. A model whose output
// follows the schema writes only that; other models add prose or a code fence, or
// write the list alone. A bare list must contain objects, to distinguish it from
// brackets in prose. Elements that do not decode are left out.
func elements[T any](answer, list string) (found []T, state listState, err error) {
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
				return found, truncated, nil
			}
			var v T
			if json.Unmarshal(raw, &v) != nil {
				state = malformed
				continue
			}
			found = append(found, v)
		}
		if _, err := d.Token(); err != nil {
			state = truncated
		}
		return found, state, nil
	}
	return nil, "", errNoJSON
}

// next returns the offset of the next possible start of a JSON value, or -1.
func next(s string, after int) int {
	i := strings.IndexAny(s[after+1:], "{[")
	if i < 0 {
		return -1
	}
	return after + 1 + i
}

// enter reads up to the first element of the list, which is the value itself or a
// member of an object. It returns false for any other value.
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

// A quote is a string that is only compared with code, never shown.
type quote string

func (q *quote) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*q = quote(s)
	}
	return nil
}

// A text is a string for display. Terminal control sequences are removed.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(strings.TrimSpace(term.Clean(s)))
	}
	return nil
}

// sentence returns the text on one line, without a final full stop.
func (t text) sentence() string {
	return strings.TrimSuffix(strings.Join(strings.FieldsFunc(string(t), unicode.IsSpace), " "), ".")
}

// A number is an integer. It also accepts a number in a string, the first number of a
// range, and a fraction below 1, which becomes a percentage. Anything else is 0.
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
	case f < 1: // a fraction
		*n = number(math.Round(f * 100))
	default:
		*n = number(f)
	}
	return nil
}

// fraction converts a percentage to a fraction, at most 1.
func (n number) fraction() float64 { return float64(min(n, 100)) / 100 }
