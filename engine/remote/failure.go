package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// failure reads an error answer and closes it. It reports whether bise wrote it.
func (e *Engine) failure(resp *http.Response) (failed *fault.Error, ours bool) {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxFailure)) // as much as came
	_, ours = parseFailure(body).Engine()
	return readFailure(e.base.Host, resp.StatusCode, body), ours
}

// readFailure makes an error of what a server answers with an error status, or
// within a stream with none (0): any of the shapes of bise, La Plateforme, FastAPI
// and OpenAI, or something else.
func readFailure(host string, status int, body []byte) *fault.Error {
	f := parseFailure(body)
	if ours, ok := f.Engine(); ok {
		return ours
	}
	kind := wire.KindOf(status, f.Type, string(f.Code))
	err := &fault.Error{Kind: kind, Param: string(f.Param)}
	err.Msg = host + " answered with an error"
	if status != 0 {
		err.Msg = strings.TrimSpace(fmt.Sprintf("%s answered %d %s", host, status, http.StatusText(status)))
	}
	if f.Message != "" {
		err.Msg += ": " + f.Message
	}
	if kind == fault.Invalid {
		noteLength(err, f)
	} else {
		err.Param = ""
	}
	err.Advice = advice[err.Kind]
	return err
}

var advice = map[fault.Kind]string{
	fault.Denied:   "Check the key of this endpoint.",
	fault.NotFound: "Check the model's name and the server's address.",
	fault.Busy:     "Try again in a moment.",
	fault.TooLong:  "Send less, or use a model with a longer context.",
}

// parseFailure finds the message, type and code in an error's body.
func parseFailure(body []byte) *wire.Failure {
	var flat struct {
		Message json.RawMessage `json:"message"` // a string, or FastAPI's object
		Type    wire.Optional   `json:"type"`
		Param   wire.Optional   `json:"param"`
		Code    wire.Optional   `json:"code"`
		Detail  json.RawMessage `json:"detail"` // a string or a list
		Error   json.RawMessage `json:"error"`  // OpenAI's object, or a string
	}
	f := &wire.Failure{}
	if json.Unmarshal(body, &flat) != nil {
		if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "<") { // else a page of some proxy
			f.Message = sentence(text)
		}
		return f
	}
	if json.Unmarshal(flat.Error, f) != nil || f.Message == "" {
		f = &wire.Failure{Type: string(flat.Type), Param: flat.Param, Code: flat.Code}
		f.Message = firstText(flat.Message, flat.Detail, flat.Error)
	}
	if f.Bise == nil { // ours is to come back unchanged
		f.Message = sentence(f.Message)
	}
	return f
}

// firstText is the first of some values that says something: a string, or an
// object or a list of objects with a message.
func firstText(values ...json.RawMessage) string {
	for _, v := range values {
		if s := textOf(v); s != "" {
			return s
		}
	}
	return ""
}

func textOf(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var object struct {
		Detail  []violation `json:"detail"`
		Message string      `json:"message"`
	}
	if json.Unmarshal(v, &object) == nil && object.Message != "" {
		return object.Message
	}
	violations := object.Detail
	if len(violations) == 0 && json.Unmarshal(v, &violations) != nil || len(violations) == 0 {
		return ""
	}
	return violations[0].String()
}

// A violation is FastAPI's.
type violation struct {
	Loc []any  `json:"loc"`
	Msg string `json:"msg"`
}

func (v violation) String() string {
	var path []string
	for _, step := range v.Loc {
		if step != "body" {
			path = append(path, fmt.Sprint(step))
		}
	}
	if len(path) == 0 {
		return v.Msg
	}
	return strings.Join(path, ".") + ": " + v.Msg
}

// sentence bounds what a server says and takes its full stop away.
func sentence(s string) string {
	const most = 2000
	if len(s) > most {
		s = s[:most]
		for !utf8.ValidString(s) && len(s) > most-utf8.UTFMax {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return strings.TrimSuffix(strings.TrimSpace(s), ".")
}

// Servers word an overflow each in their way; these are La Plateforme's, vLLM's
// and OpenAI's, llama.cpp's.
var tooLong = []struct{ pattern, tokens, limit *regexp.Regexp }{
	{
		regexp.MustCompile(`too large for model with \d+ maximum context length`),
		regexp.MustCompile(`contains (\d+) tokens`),
		regexp.MustCompile(`(\d+) maximum context length`),
	},
	{
		regexp.MustCompile(`maximum context length is \d+`),
		regexp.MustCompile(`(?:requested|resulted in|request has|contains at least) (\d+)`),
		regexp.MustCompile(`maximum context length is (\d+)`),
	},
	{
		regexp.MustCompile(`exceeds? the available context size`),
		regexp.MustCompile(`\((\d+) tokens\)`),
		regexp.MustCompile(`context size \((\d+)`),
	},
}

// noteLength gives an error the kind TooLong if the context overflowed, with the numbers
// of tokens if the server reports them.
func noteLength(err *fault.Error, f *wire.Failure) {
	for _, p := range tooLong {
		if p.pattern.MatchString(f.Message) {
			err.Kind = fault.TooLong
			err.Cause = &engine.ContextOverflow{Tokens: numberIn(f.Message, p.tokens), Limit: numberIn(f.Message, p.limit)}
			return
		}
	}
	if f.Type == "exceed_context_size_error" || f.Code == "3051" {
		err.Kind = fault.TooLong
	}
}

func numberIn(s string, pattern *regexp.Regexp) int {
	m := pattern.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil { // too large to be true
		return 0
	}
	return n
}
