package prompt

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/bise-sh/bise/engine"
)

var (
	nameKey      = regexp.MustCompile(`^\{\s*(?:"(?:type|id)"\s*:\s*"[^"\\]*"\s*,\s*|"function"\s*:\s*\{\s*)*"name"\s*:\s*("(?:[^"\\]|\\.)*")`)
	argumentsKey = regexp.MustCompile(`^\s*,\s*"(?:arguments|parameters)"\s*:\s*`)
)

// CutCalls reads tool calls whose text was cut by a limit: a JSON object with a name and
// arguments, or a list of them. The last call's arguments are as far as they were written; a
// call without a complete name is left out.
func CutCalls(s string) []engine.FunctionCall {
	var calls []engine.FunctionCall
	s = strings.TrimPrefix(strings.TrimLeft(s, blanks), "[")
	for {
		s = strings.TrimLeft(s, blanks+",")
		name := nameKey.FindStringSubmatchIndex(s)
		if name == nil {
			return calls
		}
		var c engine.FunctionCall
		if json.Unmarshal([]byte(s[name[2]:name[3]]), &c.Name) != nil {
			return calls
		}
		rest := s[name[1]:]
		if key := argumentsKey.FindString(rest); key != "" {
			rest = rest[len(key):]
			c.Arguments = cutArguments(rest)
			var whole json.RawMessage
			d := json.NewDecoder(strings.NewReader(s))
			if d.Decode(&whole) == nil {
				var arguments json.RawMessage
				json.NewDecoder(strings.NewReader(rest)).Decode(&arguments)
				c.Arguments = cutArguments(string(arguments))
				calls = append(calls, c)
				s = s[d.InputOffset():]
				continue
			}
		}
		return append(calls, c)
	}
}

// cutArguments is the beginning of arguments, which models also write as a string.
func cutArguments(raw string) engine.Arguments {
	if strings.HasPrefix(raw, `"`) {
		for _, end := range []string{"", `"`} {
			var s string
			if json.Unmarshal([]byte(strings.TrimSuffix(raw, `\`)+end), &s) == nil {
				return engine.Arguments(s)
			}
		}
	}
	return engine.Arguments(raw)
}
