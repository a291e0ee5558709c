package remote

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/bise-sh/bise/engine/wire"
)

// readAnswer reads a chunk of an answer, or a whole one. Of an answer with values of
// wrong types it converts what is needed: servers have numbers as floats or strings,
// and strings as numbers.
func readAnswer(data []byte) (wire.Answer, error) {
	var answer wire.Answer
	err := json.Unmarshal(data, &answer)
	if err == nil {
		return answer, nil
	}
	if _, syntax := err.(*json.SyntaxError); syntax { //nolint:errorlint // not wrapped
		return wire.Answer{}, err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil {
		return wire.Answer{}, err
	}
	for _, name := range []string{"object", "created", "model"} { // not needed
		delete(object, name)
	}
	convert(object, "id", asText)
	convert(object, "usage", asUsage)
	convert(object, "error", asFailure)
	convert(object, "choices", each(fields(func(choice map[string]json.RawMessage) {
		convert(choice, "index", asInteger)
		convert(choice, "finish_reason", asText)
		for _, name := range []string{"delta", "message"} {
			convert(choice, name, fields(func(m map[string]json.RawMessage) {
				convert(m, "role", asText)
				convert(m, "tool_calls", each(fields(func(call map[string]json.RawMessage) {
					convert(call, "id", asText)
					convert(call, "index", asInteger)
				})))
			}))
		}
	})))
	if data, again := json.Marshal(object); again == nil {
		answer = wire.Answer{}
		err = json.Unmarshal(data, &answer)
	}
	return answer, err
}

// convert replaces a value of an object.
func convert(object map[string]json.RawMessage, name string, by func(json.RawMessage) json.RawMessage) {
	if value, ok := object[name]; ok && !isNull(value) {
		object[name] = by(value)
	}
}

// fields returns a conversion of objects.
func fields(change func(map[string]json.RawMessage)) func(json.RawMessage) json.RawMessage {
	return func(value json.RawMessage) json.RawMessage {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return value
		}
		change(object)
		return encoded(object, value)
	}
}

// each returns a conversion of lists.
func each(item func(json.RawMessage) json.RawMessage) func(json.RawMessage) json.RawMessage {
	return func(value json.RawMessage) json.RawMessage {
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return value
		}
		for i := range list {
			list[i] = item(list[i])
		}
		return encoded(list, value)
	}
}

func encoded(v any, otherwise json.RawMessage) json.RawMessage {
	if data, err := json.Marshal(v); err == nil {
		return data
	}
	return otherwise
}

// asText makes a string of a number or a boolean.
func asText(value json.RawMessage) json.RawMessage {
	if value[0] == '"' || value[0] == '{' || value[0] == '[' {
		return value
	}
	return encoded(string(value), value)
}

// asInteger makes an integer of a float, or of a number in quotes.
func asInteger(value json.RawMessage) json.RawMessage {
	const most = 1 << 53
	f, err := strconv.ParseFloat(string(bytes.Trim(value, `"`)), 64)
	if err != nil || !(-most < f && f < most) {
		return value
	}
	return json.RawMessage(strconv.FormatInt(int64(f), 10))
}

// asUsage makes integers of the counts of tokens.
var asUsage = fields(func(usage map[string]json.RawMessage) {
	for _, name := range []string{"prompt_tokens", "completion_tokens", "total_tokens"} {
		convert(usage, name, asInteger)
	}
	convert(usage, "prompt_tokens_details", fields(func(details map[string]json.RawMessage) {
		convert(details, "cached_tokens", asInteger)
	}))
})

// asFailure makes an object of an error that is a string.
func asFailure(value json.RawMessage) json.RawMessage {
	if value[0] != '"' {
		return value
	}
	return encoded(map[string]json.RawMessage{"message": value}, value)
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }
