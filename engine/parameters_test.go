package engine

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	var p Parameters
	for _, tt := range []struct{ name, value, err string }{
		{"temperature", "0.2", ""},
		{"Top-P", "0.9", ""},
		{"max_tokens", "20", ""},
		{"random_seed", "7", ""},
		{"stop", "a b", ""},
		{"reasoning", "none", ""},
		{"top_k", "5", ""},
		{"top_k", "default", ""},
		{"temperature", "hot", `invalid temperature "hot": want a number or default`},
		{"temperature", "9", "invalid temperature 9: want 0 to 5"},
		{"temperature", "NaN", "invalid temperature NaN: want 0 to 5"},
		{"max_tokens", "1.5", `invalid max_tokens "1.5": want a number or default`},
		{"seed", "-1", "invalid random_seed -1: want 0 or more"},
		{"reasoning", "deep", `invalid reasoning "deep": want none, minimal, low, medium, high, xhigh, max`},
		{"temprature", "1", `unknown parameter "temprature": did you mean temperature?`},
		{"zzz", "1", `unknown parameter "zzz": want temperature, top_p,`},
	} {
		err := p.Set(tt.name, tt.value)
		if (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
			t.Errorf("%s = %s: %v, want %q", tt.name, tt.value, err, tt.err)
		}
	}
	var shown []string
	for _, q := range p.List() {
		if q.Value != "" {
			shown = append(shown, q.Name+" "+q.Value)
		}
	}
	if got, want := strings.Join(shown, ", "), "temperature 0.2, top_p 0.9, seed 7, max_tokens 20, stop a b, reasoning none"; got != want {
		t.Errorf("set are %s, want %s", got, want)
	}

	zero, half, five := 0.0, 0.5, 5
	r := ChatRequest{Sampling: Sampling{Temperature: &half, MinP: &half, TopK: &five}}
	p.Temperature = &zero
	p.Apply(&r)
	if *r.Temperature != 0 || *r.MinP != 0.5 || *r.TopK != 5 || *r.Seed != 7 || r.Stop[0] != "a b" || r.ReasoningEffort != "none" || half != 0.5 {
		t.Errorf("the request has %+v", r)
	}

	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Parameters
	if err := json.Unmarshal(data, &back); err != nil || *back.Temperature != 0 || *back.Seed != 7 || back.Stop[0] != "a b" || back.ReasoningEffort != "none" {
		t.Errorf("%s is read as %+v, %v", data, back, err)
	}
}
