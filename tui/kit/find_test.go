package kit

import (
	"slices"
	"strings"
	"testing"
)

func TestFindInRows(t *testing.T) {
	rows := []string{"", "  a needle and \x1b[1mthe\x1b[m ne", "  edle, a needle", "日本 needle  ", "", "of two"}
	for _, tt := range []struct {
		want string
		at   [][]RowSpan
	}{
		{"the", [][]RowSpan{{{1, 15, 18}}}},
		{"needle", [][]RowSpan{{{1, 4, 10}}, {{2, 10, 16}}, {{3, 5, 11}}}},
		{"ne edle", [][]RowSpan{{{1, 19, 21}, {2, 2, 6}}}},
		{"needle of two", [][]RowSpan{{{3, 5, 11}, {5, 0, 6}}}},
		{"本", [][]RowSpan{{{3, 2, 4}}}},
		{"none", nil},
	} {
		got := FindInRows(rows, func(text string) []Span {
			var list []Span
			for at := 0; ; {
				i := strings.Index(text[at:], tt.want)
				if i < 0 {
					return list
				}
				list = append(list, Span{at + i, at + i + len(tt.want)})
				at += i + 1
			}
		})
		if !slices.EqualFunc(got, tt.at, slices.Equal) {
			t.Errorf("%q is at %v, want %v", tt.want, got, tt.at)
		}
	}
}
