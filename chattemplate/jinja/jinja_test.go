package jinja

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

var limits = Limits{Steps: 1e6, Bytes: 16 << 20}

// values are variables from JSON, all from source 1, and the clock.
func values(t testing.TB, data string) *Dict {
	t.Helper()
	v, err := FromJSON([]byte(data), 1)
	if err != nil {
		t.Fatal(err)
	}
	return v.(*Dict).Set("strftime_now", Clock(func() time.Time { return time.Date(2025, 11, 4, 9, 5, 7, 0, time.UTC) }))
}

func render(source string, vars *Dict) (Text, error) {
	t, err := Parse(source)
	if err != nil {
		return Text{}, err
	}
	return t.Render(vars, limits)
}

// TestAgainstJinja2 compares with what Jinja2 itself gave (testdata/cases.py).
func TestAgainstJinja2(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Vars  json.RawMessage
		Cases []struct {
			Template string
			Want     *string
			Error    string
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	vars := values(t, string(golden.Vars))
	for _, c := range golden.Cases {
		got, err := render(c.Template, vars)
		switch {
		case c.Want == nil && err == nil:
			t.Errorf("%s\n gave %q, Jinja2 refuses: %s", c.Template, got, c.Error)
		case c.Want != nil && err != nil:
			t.Errorf("%s\n refused: %v", c.Template, err)
		case c.Want != nil && got.String() != *c.Want:
			t.Errorf("%s\n got  %q\n want %q", c.Template, got, *c.Want)
		}
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	tests := []struct{ template, want string }{
		{"a\nb {{ x.y }}", `render the template, line 2: "x" is undefined`},
		{"\n\n{{ 1 + }}", `parse the template, line 3: unexpected }}`},
		{"{% if x %}\n{% endfor %}", "parse the template, line 2: unexpected endfor"},
		{"{% if x %}", "parse the template, line 1: endif is missing"},
		{"{% include 'x' %}", `parse the template, line 1: the statement "include" is unknown`},
		{"{{ 'a' | nosuch }}", `render the template, line 1: the filter "nosuch" is unknown`},
		{"{{ l.append(1) }}", "render the template, line 1: undefined (append) cannot be called"},
		{"{% set x %}\n{{ raise_exception('refused') }}{% endset %}", "render the template, line 2: refused"},
	}
	for _, tt := range tests {
		if _, err := render(tt.template, values(t, `{"l": []}`)); err == nil || err.Error() != tt.want {
			t.Errorf("%s\n got  %v\n want %s", tt.template, err, tt.want)
		}
	}
	var raised *Raised
	if _, err := render("{{ raise_exception('no ' + s) }}", values(t, `{"s": "way"}`)); !errors.As(err, &raised) || raised.Message != "no way" {
		t.Errorf("got %v, want what the template raised", err)
	}
}

func TestMentions(t *testing.T) {
	tm, err := Parse("{% if tools is defined %}{{ tools[0].documents }}{% endif %}{{ 'messages' }}")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"tools": true, "documents": false, "messages": false} {
		if got := tm.Mentions(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// Hostile templates end with an error, soon and in little memory.
func TestLimits(t *testing.T) {
	deep := func(open, inside, shut string, n int) string {
		return strings.Repeat(open, n) + inside + strings.Repeat(shut, n)
	}
	for name, source := range map[string]string{
		"endless recursion":    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
		"mutual recursion":     "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
		"recursive expression": "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}",
		"long range":           "{% for i in range(1000000000) %}{% endfor %}",
		"range over all":       "{{ range(-9223372036854775807, 9223372036854775807, 1)|length }}",
		"nested loops":         "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
		"doubled string":       "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
		"added string":         "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}",
		"repeated string":      "{{ 'x' * 1000000000000 }}",
		"repeated nothing":     "{{ '' * 2000000000 }}",
		"repeated list":        "{{ [1] * 1000000000 }}",
		"joined string":        "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(100) %}{% set n.x = [n.x, n.x]|join(n.x) %}{% endfor %}",
		"replaced string":      "{% set n = namespace(x='xxxxxxxx') %}{% for i in range(100) %}{% set n.x = n.x.replace('x', 'xxxxxxxx') %}{% endfor %}",
		"doubled list":         "{% set n = namespace(x=[1]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor %}",
		"nested list":          "{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x }}",
		"nested list as JSON":  "{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = [n.x] %}{% endfor %}{{ n.x|tojson }}",
		"nested list compared": "{% set n = namespace(x=[], y=[]) %}{% for i in range(50000) %}{% set n.x = [n.x] %}{% set n.y = [n.y] %}{% endfor %}{{ n.x == n.y }}",
		"tree of lists":        "{% set n = namespace(x=[1]) %}{% for i in range(90) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x|tojson }}",
		"wide indent":          "{{ [1]|tojson(indent=1000000000000) }}",
		"wide lines":           "{{ 'a\nb'|indent(1000000000000) }}",
		"long output":          "{% for i in range(100000) %}" + strings.Repeat("x", 10000) + "{% endfor %}",
		"captured output":      "{% set x %}{% for i in range(100000) %}" + strings.Repeat("x", 10000) + "{% endfor %}{% endset %}",
		"long comparison":      "{% set a = 'x' * 1000000 %}{% set b = 'x' * 1000000 %}{% for i in range(100000) %}{% if a == b %}{% endif %}{% endfor %}",
		"long search":          "{% set a = 'x' * 1000000 %}{% for i in range(100000) %}{% if 'y' in a %}{% endif %}{% endfor %}",
		"long slices":          "{% set a = 'é' * 1000000 %}{% for i in range(100000) %}{% set b = a[1:] %}{% endfor %}",
		"many pieces":          "{% set a = 'x,' * 1000000 %}{% for i in range(100000) %}{% set b = a.split(',') %}{% endfor %}",
		"many letters":         "{% set a = 'x' * 100000 %}{% for i in range(100000) %}{% set b = a|list %}{% endfor %}",
		"sort again and again": "{% set a = range(100000)|list %}{% for i in range(100000) %}{% set b = a|sort %}{% endfor %}",
		"deep parentheses":     "{{ " + deep("(", "1", ")", 100000) + " }}",
		"deep lists":           "{{ " + deep("[", "1", "]", 100000) + " }}",
		"deep negation":        "{{ " + deep("not ", "1", "", 100000) + " }}",
		"deep minus":           "{{ " + deep("- ", "1", "", 100000) + " }}",
		"deep blocks":          deep("{% if 1 %}", "x", "{% endif %}", 10000),
		"deep conditions":      "{{ " + deep("1 if 1 else ", "1", "", 50000) + " }}",
		"long sum":             "{{ 1" + strings.Repeat("+1", 100000) + " }}",
		"long attributes":      "{{ x" + strings.Repeat(".a", 100000) + " }}",
		"long filters":         "{{ x" + strings.Repeat("|trim", 100000) + " }}",
		"open tags":            strings.Repeat("{%", 500000),
		"open raw":             "{% raw %}" + strings.Repeat("{%", 500000),
		"large":                strings.Repeat("x", maxSource+1),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := render(source, values(t, `{"x": "x"}`))
			runtime.ReadMemStats(&after)
			// Steps and bytes are counted, not seconds: either a limit ends the template or the
			// parser rejects it.
			if err == nil || !errors.Is(err, ErrLimit) && !strings.HasPrefix(err.Error(), "parse the template") {
				t.Errorf("got %v, want ErrLimit or an error of the parser", err)
			}
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 16*uint64(limits.Bytes) {
				t.Errorf("it allocated %d MB", bytes>>20)
			}
		})
	}
}

// The bytes from outside are known in the output, whatever was done to them.
func TestOrigins(t *testing.T) {
	vars := `{"s": "☃a☃", "p": " ☃☃ ", "l": ["☃", "x"], "d": {"☃k": "☃v", "n": [1]}, "☃": 1}`
	tests := []struct{ template, want string }{ // bytes from outside in ⟨⟩
		{"<{{ s }}>", "<⟨☃a☃⟩>"},
		{"{{ s }}{{ s }}", "⟨☃a☃☃a☃⟩"},
		{"{{ '(' + s ~ ')' }}", "(⟨☃a☃⟩)"},
		{"{{ ('[' + p + ']').strip('[]') }}", "⟨ ☃☃ ⟩"},
		{"{{ ('<' + p)|trim|replace('☃', '-') }}", "<⟨ ⟩--"},
		{"{{ ('<' + s).replace('<', '{') }}", "{⟨☃a☃⟩"},
		{"{{ p|trim }}|{{ p.lstrip() }}", "⟨☃☃⟩|⟨☃☃ ⟩"},
		{"{{ s.split('a')|join('-') }}", "⟨☃⟩-⟨☃⟩"},
		{"{{ ('1' + s + '2').split('a')[1] }}", "⟨☃⟩2"},
		{"{{ ('1' + s + '2')[::-1] }}", "2⟨☃a☃⟩1"},
		{"{{ ('1' + s + '2')[1:-1] }}", "⟨☃a☃⟩"},
		{"{{ s[1] }}{{ s[0] }}{{ s|first }}", "⟨a☃☃⟩"},
		{"{{ s|upper }}{{ (s + 'x')|upper }}", "⟨☃A☃☃A☃X⟩"},
		{"{{ l|join(', ') }}", "⟨☃⟩, ⟨x⟩"},
		{"{% for c in s %}{{ c }}.{% endfor %}", "⟨☃⟩.⟨a⟩.⟨☃⟩."},
		{"{{ d|tojson }}", "{⟨\"☃k\"⟩: ⟨\"☃v\"⟩, ⟨\"n\"⟩: [1]}"},
		{"{{ d }}", "{'⟨☃k⟩': '⟨☃v⟩', '⟨n⟩': [1]}"},
		{"{% for k, v in d.items() %}{{ k }}{% endfor %}", "⟨☃kn⟩"},
		{"{% set x %}<{{ s }}>{% endset %}{{ x }}", "<⟨☃a☃⟩>"},
		{"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(s) }}", "<⟨☃a☃⟩>"},
		{"{{ ('a\n' + s + '\nb')|indent(1) }}", "a\n ⟨☃a☃⟩\n b"},
		{"{{ (s * 2)|length }}{{ s * 2 }}", "6⟨☃a☃☃a☃⟩"},
		{"{{ 'ab' if s == '☃a☃' else 'no' }}", "ab"},
		{"{% filter trim %} {{ s }} {% endfilter %}", "⟨☃a☃⟩"},
		{"{{ (s ~ '\n' ~ s).splitlines()|last }}", "⟨☃a☃⟩"},
		{"{{ (('a' ~ s) | list | sort | last) }}", "⟨☃⟩"},
		{"{{ s|e }}{{ s.title() }}", "⟨☃a☃☃A☃⟩"},
	}
	for _, tt := range tests {
		got, err := render(tt.template, values(t, vars))
		if err != nil {
			t.Errorf("%s: %v", tt.template, err)
			continue
		}
		var b strings.Builder
		for s, source := range got.Runs() {
			if source != 0 {
				s = "⟨" + s + "⟩"
			}
			b.WriteString(s)
		}
		if b.String() != tt.want {
			t.Errorf("%s\n got  %s\n want %s", tt.template, b.String(), tt.want)
		}
	}
}

func TestOriginsAreTold(t *testing.T) {
	vars := NewDict().Set("a", Outside("one", 1)).Set("b", Outside("two", 2)).Set("c", String("own")).Set("e", Outside("", 3))
	got, err := render("{{ a }}{{ b }}{{ c }}{{ e }}!", vars)
	if err != nil {
		t.Fatal(err)
	}
	var runs []string
	for s, source := range got.Runs() {
		runs = append(runs, s+string(rune('0'+source)))
	}
	if want := "one1 two2 own!0"; strings.Join(runs, " ") != want {
		t.Errorf("got %q, want %q", runs, want)
	}
}

func TestFromJSON(t *testing.T) {
	for _, bad := range []string{"", "{", "[1,", `{"a": 1} 2`, "nul", strings.Repeat("[", 200) + strings.Repeat("]", 200)} {
		if v, err := FromJSON([]byte(bad), 1); err == nil {
			t.Errorf("%.40q gave %v", bad, v)
		}
	}
	v, err := FromJSON([]byte(`{"z": 1, "a": [1.0, 12345678901234567890, "s", null, true], "z2": {}}`), 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render("{{ v|tojson }}", NewDict().Set("v", v))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"z": 1, "a": [1.0, 1.2345678901234567e+19, "s", null, true], "z2": {}}`; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whatever a template is and does, it ends, and no byte from outside passes for
// one of its own.
func FuzzRender(f *testing.F) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		f.Fatal(err)
	}
	var golden struct {
		Cases []struct{ Template string }
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		f.Fatal(err)
	}
	for _, c := range golden.Cases {
		f.Add(c.Template)
	}
	vars := values(f, `{"s": "☃ a☃ ☃", "padded": "\n☃☃ ", "l": ["☃", "x", 2], "words": ["☃", "☃☃"], "n": 3, "t": true, "z": null,
		"d": {"☃": "☃", "a": {"b": ["☃\n☃"]}}, "people": [{"name": "☃", "age": 1, "at": {"city": "☃"}}]}`)
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 4096 {
			return
		}
		tm, err := Parse(source)
		if err != nil {
			return
		}
		out, err := tm.Render(vars, Limits{Steps: 20000, Bytes: 1 << 20})
		if err != nil {
			return
		}
		if len(out.String()) > 1<<20 {
			t.Fatalf("%d bytes came out", len(out.String()))
		}
		var all strings.Builder
		own := strings.Contains(source, "☃") || strings.Contains(source, `\`) // the template's snowmen
		for s, from := range out.Runs() {
			all.WriteString(s)
			if from == 0 && !own && strings.Contains(s, "☃") {
				t.Errorf("%q passes for the template's", s)
			}
		}
		if all.String() != out.String() {
			t.Error("the runs are not the text")
		}
	})
}
