package engine

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// Parameters are what a user sets for the answers of a conversation. Nil and zero fields are
// not set.
type Parameters struct {
	Sampling
	ReasoningEffort string `json:"reasoning_effort,omitempty"`
}

// A parameter is one that a user sets by name.
type parameter struct {
	name, help string
	field      func(*Parameters) any // a pointer to the field
}

var parameters = []parameter{
	{"temperature", "0 always takes the likeliest token; higher is more varied", func(p *Parameters) any { return &p.Temperature }},
	{"top_p", "sample from the likeliest tokens with this total probability", func(p *Parameters) any { return &p.TopP }},
	{"top_k", "sample from this number of the likeliest tokens", func(p *Parameters) any { return &p.TopK }},
	{"min_p", "sample from tokens at least this times as likely as the likeliest", func(p *Parameters) any { return &p.MinP }},
	{"presence_penalty", "make tokens that occurred less likely", func(p *Parameters) any { return &p.PresencePenalty }},
	{"frequency_penalty", "make tokens less likely the more often they occurred", func(p *Parameters) any { return &p.FrequencyPenalty }},
	{"repeat_penalty", "make recent tokens less likely; 1 is off", func(p *Parameters) any { return &p.RepeatPenalty }},
	{"seed", "the random seed, for repeatable answers", func(p *Parameters) any { return &p.Seed }},
	{"max_tokens", "tokens of an answer at most", func(p *Parameters) any { return &p.MaxTokens }},
	{"stop", "end the answer before this text", func(p *Parameters) any { return &p.Stop }},
	{"reasoning", strings.Join(Efforts[:len(Efforts)-1], ", ") + " or max, for models that think", func(p *Parameters) any { return &p.ReasoningEffort }},
}

// aliases are other names of parameters: those of the API and of other programs.
var aliases = map[string]string{"temp": "temperature", "random_seed": "seed", "reasoning_effort": "reasoning", "num_predict": "max_tokens", "thinking": "reasoning", "effort": "reasoning"}

// A Parameter is a parameter with its value.
type Parameter struct {
	Name, Help string
	Value      string // "" if it is not set
}

// List returns all parameters that a user can set by name.
func (p *Parameters) List() []Parameter {
	var list []Parameter
	for _, q := range parameters {
		list = append(list, Parameter{q.name, q.help, text(q.field(p))})
	}
	return list
}

// text returns the value of a field.
func text(field any) string {
	switch f := field.(type) {
	case *string:
		return *f
	case *StringList:
		return strings.Join(*f, " ")
	}
	data, err := json.Marshal(field)
	if err != nil || string(data) == "null" {
		return ""
	}
	return string(data)
}

// ParameterDefault is the value that unsets a parameter.
const ParameterDefault = "default"

// Set sets a parameter by its name. [ParameterDefault] unsets it. After an error p is
// unchanged.
func (p *Parameters) Set(name, value string) error {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if full, ok := aliases[name]; ok {
		name = full
	}
	i := slices.IndexFunc(parameters, func(q parameter) bool { return q.name == name })
	if i < 0 {
		return unknownParameter(name)
	}
	next := *p
	if err := assign(parameters[i].field(&next), name, value); err != nil {
		return err
	}
	if err := next.Check(); err != nil {
		return err
	}
	*p = next
	return nil
}

func unknownParameter(name string) error {
	var names []string
	for _, q := range parameters {
		names = append(names, q.name)
	}
	if meant := suggest.Word(name, names); meant != "" {
		return invalid("name", "unknown parameter %q: did you mean %s?", name, meant)
	}
	return invalid("name", "unknown parameter %q: want %s", name, strings.Join(names, ", "))
}

// assign parses a value into a field. [ParameterDefault] clears it.
func assign(field any, name, value string) error {
	if value == ParameterDefault {
		reflect.ValueOf(field).Elem().SetZero()
		return nil
	}
	var err error
	switch f := field.(type) {
	case *string:
		*f = value
	case *StringList:
		*f = StringList{value}
	case **float64:
		*f = new(float64)
		**f, err = strconv.ParseFloat(value, 64)
	case **int:
		*f = new(int)
		**f, err = strconv.Atoi(value)
	case **int64:
		*f = new(int64)
		**f, err = strconv.ParseInt(value, 10, 64)
	}
	if err != nil {
		return invalid(name, "invalid %s %q: want a number or %s", name, value, ParameterDefault)
	}
	return nil
}

// Check reports the first parameter that no engine can honour.
func (p *Parameters) Check() error {
	if e := p.ReasoningEffort; e != "" && !slices.Contains(Efforts, e) {
		return fault.Errorf(fault.Invalid, "invalid reasoning %q: want %s", e, strings.Join(Efforts, ", "))
	}
	return p.Sampling.Check()
}

// Apply sets the parameters in a request, in place of its defaults.
func (p *Parameters) Apply(r *ChatRequest) {
	of := Parameters{r.Sampling, r.ReasoningEffort}
	for _, q := range parameters {
		switch from := q.field(p).(type) {
		case *string:
			override(q.field(&of).(*string), *from, *from != "")
		case *StringList:
			override(q.field(&of).(*StringList), *from, len(*from) > 0)
		case **float64:
			override(q.field(&of).(**float64), *from, *from != nil)
		case **int:
			override(q.field(&of).(**int), *from, *from != nil)
		case **int64:
			override(q.field(&of).(**int64), *from, *from != nil)
		}
	}
	r.Sampling, r.ReasoningEffort = of.Sampling, of.ReasoningEffort
}

func override[T any](to *T, from T, set bool) {
	if set {
		*to = from
	}
}
