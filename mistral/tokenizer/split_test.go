package tokenizer

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Go's regular expressions have all of tekkenPattern but its look-ahead, and \s
// is ASCII in them.
var (
	whitespace = `\t\n\v\f\r\x{85}\pZ`
	patternRE  = regexp.MustCompile(`^(?:` + strings.NewReplacer(`|\s+(?!\S)|\s+`, ``, `\s*`, `[`+whitespace+`]*`, `\s`, whitespace).Replace(tekkenPattern) + `)`)
	spacesRE   = regexp.MustCompile(`^[` + whitespace + `]+`)
)

func pretokenByRegexp(s string) int {
	if m := patternRE.FindString(s); m != "" {
		return len(m)
	}
	run := spacesRE.FindString(s)
	_, last := utf8.DecodeLastRuneInString(run)
	if len(run) < len(s) && len(run) > last { // \s+(?!\S) gives one back
		return len(run) - last
	}
	return len(run)
}

func checkSplit(t *testing.T, s string) {
	t.Helper()
	for rest := s; rest != ""; {
		got, want := splitter(classes()).pretoken(rest), pretokenByRegexp(rest)
		if got != want {
			t.Fatalf("%q: first of %q is %q, want %q", s, rest, rest[:got], rest[:want])
		}
		rest = rest[got:]
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Hello World", []string{"Hello", " World"}},
		{"camelCase HTTPServer", []string{"camel", "Case", " HTTPServer"}},
		{"ÉCOLEécole", []string{"ÉCOLEécole"}},
		{"écoleÉCOLE", []string{"école", "ÉCOLE"}},
		{"abc123", []string{"abc", "1", "2", "3"}},
		{"a  b", []string{"a", " ", " b"}},
		{"a   ", []string{"a", "   "}},
		{"x \n\n y", []string{"x", " \n\n", " y"}},
		{"f(x);\n/n", []string{"f", "(x", ");\n/", "n"}},
		{"\u0301ABC", []string{"\u0301", "ABC"}},
		{"Aʰ\u0301BCʰDE", []string{"Aʰ\u0301BCʰ", "DE"}},
		{" !", []string{" !"}},
		{"\u00a0!", []string{"\u00a0", "!"}},
		{"\u00a0a", []string{"\u00a0a"}},
		{"日本 语", []string{"日本", " 语"}},
	} {
		var got []string
		for rest := c.text; rest != ""; {
			n := splitter(classes()).pretoken(rest)
			got, rest = append(got, rest[:n]), rest[n:]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q splits into %q, want %q", c.text, got, c.want)
		}
		checkSplit(t, c.text)
	}
}

func TestSplitLikeRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	alphabet := []rune("aAbB1½ \t\n\r/.-ʰǅ\u0301\u0903日٣Éé\u00a0\u2028\u3000🙂\x00ª")
	for range 20000 {
		s := make([]rune, 1+r.IntN(12))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		checkSplit(t, string(s))
	}
}

// Every character has the class that Go's Unicode tables give it, or is newer.
func TestClasses(t *testing.T) {
	newer := make(map[rune]bool)
	for _, ranges := range since15 {
		for _, r := range ranges {
			for c := r[0]; c <= r[1]; c++ {
				if newer[c] {
					t.Errorf("%U is listed twice", c)
				}
				newer[c] = true
			}
		}
	}
	counts := make(map[class]int)
	for c := rune(0); c <= unicode.MaxRune; c++ {
		got := classes()[c]
		for bit := upper; bit <= newline; bit <<= 1 {
			if got&bit != 0 {
				counts[bit]++
			}
		}
		if newer[c] {
			continue
		}
		var want class
		is := func(bit class, in bool) {
			if in {
				want |= bit
			}
		}
		is(upper, unicode.In(c, unicode.Lu, unicode.Lt))
		is(lower, unicode.Is(unicode.Ll, c))
		is(either, unicode.In(c, unicode.Lm, unicode.Lo, unicode.M))
		is(letter, unicode.IsLetter(c))
		is(number, unicode.IsNumber(c))
		is(space, unicode.IsSpace(c))
		is(newline, c == '\r' || c == '\n')
		if got != want {
			t.Errorf("%U has class %b, want %b", c, got, want)
		}
	}
	// As many characters as tiktoken 0.14 finds for each.
	for bit, n := range map[class]int{upper: 1889, lower: 2258, either: 139382, letter: 141028, number: 1911, space: 25, newline: 2} {
		if counts[bit] != n {
			t.Errorf("%d characters of class %b, want %d", counts[bit], bit, n)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("Hello  World\n")
	f.Add("\u0301ABCʰ1 /\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		s = valid(s)
		if len(s) > 1<<10 || strings.ContainsFunc(s, isNewer) {
			return
		}
		checkSplit(t, s)
	})
}

func isNewer(r rune) bool {
	for _, ranges := range since15 {
		for _, of := range ranges {
			if of[0] <= r && r <= of[1] {
				return true
			}
		}
	}
	return false
}
