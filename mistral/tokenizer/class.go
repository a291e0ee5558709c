package tokenizer

import (
	"sync"
	"unicode"
)

// class is a class of characters in Tekken's pattern.
type class uint8

const (
	upper   class = 1 << iota // \p{Lu}, \p{Lt}
	lower                     // \p{Ll}
	either                    // \p{Lm}, \p{Lo}, \p{M}: on both sides of a case change
	letter                    // \p{L}
	number                    // \p{N}
	space                     // \s
	newline                   // \r, \n
)

// classes are those of every character, by code point.
var classes = sync.OnceValue(func() []class {
	all := make([]class, unicode.MaxRune+1)
	set := func(c class, tables ...*unicode.RangeTable) {
		for _, t := range tables {
			for _, r := range t.R16 {
				for i := int(r.Lo); i <= int(r.Hi); i += int(r.Stride) {
					all[i] |= c
				}
			}
			for _, r := range t.R32 {
				for i := int(r.Lo); i <= int(r.Hi); i += int(r.Stride) {
					all[i] |= c
				}
			}
		}
	}
	set(upper|letter, unicode.Lu, unicode.Lt)
	set(lower|letter, unicode.Ll)
	set(either|letter, unicode.Lm, unicode.Lo)
	set(either, unicode.M)
	set(number, unicode.N)
	set(space, unicode.White_Space)
	all['\r'] |= newline
	all['\n'] |= newline
	for c, ranges := range since15 {
		for _, r := range ranges {
			for i := r[0]; i <= r[1]; i++ {
				all[i] |= c
			}
		}
	}
	return all
})

// since15 are the letters, marks and numbers that Unicode 15.1 and 16.0 added.
// The tiktoken library, with which Mistral tokenizes, has Unicode 16; Go has 15.
var since15 = map[class][][2]rune{
	upper | letter: {{0x1C89, 0x1C89}, {0xA7CB, 0xA7CC}, {0xA7DA, 0xA7DA}, {0xA7DC, 0xA7DC}, {0x10D50, 0x10D65}},
	lower | letter: {{0x1C8A, 0x1C8A}, {0xA7CD, 0xA7CD}, {0xA7DB, 0xA7DB}, {0x10D70, 0x10D85}},
	either | letter: {
		{0x105C0, 0x105F3},
		{0x10D4A, 0x10D4F},
		{0x10D6F, 0x10D6F},
		{0x10EC2, 0x10EC4},
		{0x11380, 0x11389},
		{0x1138B, 0x1138B},
		{0x1138E, 0x1138E},
		{0x11390, 0x113B5},
		{0x113B7, 0x113B7},
		{0x113D1, 0x113D1},
		{0x113D3, 0x113D3},
		{0x11BC0, 0x11BE0},
		{0x13460, 0x143FA},
		{0x16100, 0x1611D},
		{0x16D40, 0x16D6C},
		{0x18CFF, 0x18CFF},
		{0x1E5D0, 0x1E5ED},
		{0x1E5F0, 0x1E5F0},
		{0x2EBF0, 0x2EE5D},
	},
	either: {
		{0x897, 0x897},
		{0x10D69, 0x10D6D},
		{0x10EFC, 0x10EFC},
		{0x113B8, 0x113C0},
		{0x113C2, 0x113C2},
		{0x113C5, 0x113C5},
		{0x113C7, 0x113CA},
		{0x113CC, 0x113D0},
		{0x113D2, 0x113D2},
		{0x113E1, 0x113E2},
		{0x11F5A, 0x11F5A},
		{0x1611E, 0x1612F},
		{0x1E5EE, 0x1E5EF},
	},
	number: {
		{0x10D40, 0x10D49},
		{0x116D0, 0x116E3},
		{0x11BF0, 0x11BF9},
		{0x16130, 0x16139},
		{0x16D70, 0x16D79},
		{0x1CCF0, 0x1CCF9},
		{0x1E5F1, 0x1E5FA},
	},
}
