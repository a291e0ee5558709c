package tokenizer

import "unicode/utf8"

// tekkenPattern is the pattern of every tekken.json so far; pretoken is written
// for it and for no other.
const tekkenPattern = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` +
	`|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*` +
	`|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// A splitter cuts text into the pieces that are merged apart from each other.
type splitter []class

// at is the class and the length of the character at s[i:], which is not empty.
func (t splitter) at(s string, i int) (class, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return t[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return t[r], n
}

// run is the end of the longest run of characters of the classes from i on, and
// the end of the last one in it that is of the class either, 0 for none.
func (t splitter) run(s string, i int, of class) (end, lastEither int) {
	for i < len(s) {
		c, n := t.at(s, i)
		if c&of == 0 {
			break
		}
		i += n
		if c&either != 0 {
			lastEither = i
		}
	}
	return i, lastEither
}

// pretoken is the length of the first match of tekkenPattern in s, which is
// valid UTF-8 and not empty. Some alternative matches at every character.
func (t splitter) pretoken(s string) int {
	first, n := t.at(s, 0)
	// Both alternatives for words may begin with one character that is not a letter,
	// number or line end; marks can be that character or begin the word.
	prefixed := first&(newline|letter|number) == 0
	begins := first&(upper|lower|either) != 0
	if prefixed {
		if end := t.lowerWord(s, n); end > 0 {
			return end
		}
	}
	if begins {
		if end := t.lowerWord(s, 0); end > 0 {
			return end
		}
	}
	if prefixed {
		if end := t.upperWord(s, n); end > 0 {
			return end
		}
	}
	if begins {
		if end := t.upperWord(s, 0); end > 0 {
			return end
		}
	}
	if first&number != 0 {
		return n
	}
	if end := t.signs(s); end > 0 {
		return end
	}
	return t.spaces(s)
}

// lowerWord matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
// at i and returns the end of the match, or 0.
func (t splitter) lowerWord(s string, i int) int {
	end, lastEither := t.run(s, i, upper|either)
	if lower, _ := t.run(s, end, lower|either); lower > end {
		return lower
	}
	// The first run backtracks until one of its characters is in the second set.
	return lastEither
}

// upperWord matches [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
// at i, where lowerWord does not match, and returns its end, or 0.
func (t splitter) upperWord(s string, i int) int {
	if end, _ := t.run(s, i, upper|either); end > i {
		return end
	}
	return 0
}

// signs matches ` ?[^\s\p{L}\p{N}]+[\r\n/]*` and returns its length, or 0.
func (t splitter) signs(s string) int {
	i := 0
	if s[0] == ' ' {
		i = 1
	}
	from := i
	for i < len(s) {
		c, n := t.at(s, i)
		if c&(space|letter|number) != 0 {
			break
		}
		i += n
	}
	if i == from {
		return 0
	}
	for i < len(s) && (s[i] == '\r' || s[i] == '\n' || s[i] == '/') {
		i++
	}
	return i
}

// spaces matches `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line end of a run of
// spaces, else the run up to its last space, which belongs to what follows, else
// that space.
func (t splitter) spaces(s string) int {
	end, last, line := 0, 0, 0
	for end < len(s) {
		c, n := t.at(s, end)
		if c&space == 0 {
			break
		}
		last = end
		end += n
		if c&newline != 0 {
			line = end
		}
	}
	switch {
	case line > 0:
		return line
	case end < len(s) && last > 0:
		return last
	}
	return end
}
