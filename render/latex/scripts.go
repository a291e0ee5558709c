package latex

import "strings"

func (d *drawer) scripts(s scripts, tight bool) box {
	base := d.draw(s.base, tight)
	if s.limits && !d.flat && !tight {
		list, at := []box{base}, 0
		if s.sup != nil {
			list, at = append([]box{d.draw(s.sup, true)}, list...), 1
		}
		if s.sub != nil {
			list = append(list, d.draw(s.sub, true))
		}
		return atop(at, 'c', list...)
	}
	// Each script is flattened once: twice at every level would be exponential.
	subFlat, supFlat := flatten(s.sub), flatten(s.sup)
	subText, subFits := lower(subFlat)
	supText, supFits := raise(supFlat)
	if d.flat {
		if !subFits {
			subText = "_" + grouped(s.sub, subFlat)
		}
		if !supFits {
			supText = "^" + grouped(s.sup, supFlat)
		}
		return beside(base, textBox(subText+supText))
	}
	if sign, ok := s.base.(symbol); ok && sign.text == "∫" && !(subFits && supFits) {
		base = box{lines: []string{"⌠", "⎮", "⌡"}, width: 1, baseline: 1}
		subFits, supFits = s.sub == nil, s.sup == nil
	}
	var sub, sup box
	if base.height() == 1 {
		if subFits {
			base = beside(base, textBox(subText))
			s.sub = nil
		}
		if supFits {
			base = beside(base, textBox(supText))
			s.sup = nil
		}
		if s.sub == nil && s.sup == nil {
			return base
		}
	}
	if s.sub != nil {
		if sub = d.draw(s.sub, true); subFits {
			sub = textBox(subText)
		}
	}
	if s.sup != nil {
		if sup = d.draw(s.sup, true); supFits {
			sup = textBox(supText)
		}
	}
	return beside(base, corner(base, sub, sup))
}

// corner places scripts at the right of a base: above and below its line, or level with
// the first and last line of a tall base.
func corner(base, sub, sup box) box {
	between, above := 1, base.baseline+sup.height()
	if base.height() > 1 {
		between, above = base.height()-2, base.baseline+sup.height()-1
		if sup.height() == 0 {
			between++
		}
		if sub.height() == 0 {
			between++
		}
		above = max(above, base.baseline)
	}
	width := max(sub.width, sup.width)
	out := box{width: width, baseline: above}
	out.lines = append(out.lines, sup.wide(width, 'l').lines...)
	for range between {
		out.lines = append(out.lines, blank(width))
	}
	out.lines = append(out.lines, sub.wide(width, 'l').lines...)
	return out
}

// flatten returns a part on one line without spaces.
func flatten(n node) string {
	d := drawer{flat: true}
	return d.draw(n, true).lines[0]
}

// grouped returns a script's text on one line, in parentheses if it has more than one
// symbol.
func grouped(n node, text string) string {
	if isWord(n) {
		return text
	}
	if _, ok := n.(fence); ok {
		return text
	}
	return "(" + text + ")"
}

// raise returns a text in Unicode superscripts, if all of its characters have one.
func raise(text string) (string, bool) { return translate(text, superscripts) }

// lower returns a text in Unicode subscripts, if all of its characters have one.
func lower(text string) (string, bool) { return translate(text, subscripts) }

func translate(text string, to map[rune]rune) (string, bool) {
	var s strings.Builder
	for _, r := range text {
		small, ok := to[r]
		if !ok {
			return "", false
		}
		s.WriteRune(small)
	}
	return s.String(), true
}

// The superscripts and subscripts in Unicode.
var (
	superscripts = table("0123456789+−-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ⊤′″‴∘°∗†‡,",
		"⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡᵀ′″‴°°*†‡,")
	subscripts = table("0123456789+−-=()aehijklmnoprstuvxβγρφχ,", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ,")
)

func table(from, to string) map[rune]rune {
	m := map[rune]rune{}
	small := []rune(to)
	for i, r := range []rune(from) {
		m[r] = small[i]
	}
	return m
}
