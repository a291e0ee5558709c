package latex

// letters are commands for one ordinary symbol.
var letters = map[string]string{
	`\alpha`: "α", `\beta`: "β", `\gamma`: "γ", `\delta`: "δ", `\epsilon`: "ϵ", `\varepsilon`: "ε", `\zeta`: "ζ", `\eta`: "η",
	`\theta`: "θ", `\vartheta`: "ϑ", `\iota`: "ι", `\kappa`: "κ", `\varkappa`: "ϰ", `\lambda`: "λ", `\mu`: "μ", `\nu`: "ν", `\xi`: "ξ", `\omicron`: "ο",
	`\pi`: "π", `\varpi`: "ϖ", `\rho`: "ρ", `\varrho`: "ϱ", `\sigma`: "σ", `\varsigma`: "ς", `\tau`: "τ", `\upsilon`: "υ", `\phi`: "φ", `\varphi`: "φ",
	`\chi`: "χ", `\psi`: "ψ", `\omega`: "ω",
	`\Gamma`: "Γ", `\Delta`: "Δ", `\Theta`: "Θ", `\Lambda`: "Λ", `\Xi`: "Ξ", `\Pi`: "Π", `\Sigma`: "Σ", `\Upsilon`: "Υ", `\Phi`: "Φ", `\Psi`: "Ψ", `\Omega`: "Ω",
	`\infty`: "∞", `\partial`: "∂", `\nabla`: "∇", `\hbar`: "ℏ", `\ell`: "ℓ", `\Re`: "ℜ", `\Im`: "ℑ", `\wp`: "℘", `\aleph`: "ℵ", `\beth`: "ℶ",
	`\emptyset`: "∅", `\varnothing`: "∅", `\forall`: "∀", `\exists`: "∃", `\nexists`: "∄", `\neg`: "¬", `\lnot`: "¬", `\top`: "⊤", `\bot`: "⊥",
	`\angle`: "∠", `\measuredangle`: "∡", `\triangle`: "△", `\square`: "□", `\Box`: "□", `\blacksquare`: "■", `\diamond`: "⋄", `\Diamond`: "◇", `\star`: "⋆", `\bigstar`: "★",
	`\prime`: "′", `\degree`: "°", `\dagger`: "†", `\ddagger`: "‡", `\S`: "§", `\P`: "¶", `\checkmark`: "✓", `\clubsuit`: "♣", `\diamondsuit`: "♢", `\heartsuit`: "♡", `\spadesuit`: "♠",
	`\ldots`: "…", `\dots`: "…", `\dotsc`: "…", `\dotso`: "…", `\cdots`: "⋯", `\dotsb`: "⋯", `\dotsm`: "⋯", `\dotsi`: "⋯", `\vdots`: "⋮", `\ddots`: "⋱",
	`\imath`: "ı", `\jmath`: "ȷ", `\complement`: "∁", `\mho`: "℧", `\eth`: "ð", `\Finv`: "Ⅎ", `\surd`: "√", `\backslash`: `\`,
	`\$`: "$", `\%`: "%", `\#`: "#", `\&`: "&", `\_`: "_", `\pounds`: "£", `\euro`: "€", `\copyright`: "©", `\QED`: "∎", `\qed`: "∎", `\blacktriangle`: "▲",
	`\R`: "ℝ", `\N`: "ℕ", `\Z`: "ℤ", `\Q`: "ℚ", `\C`: "ℂ",
}

var binaries = map[string]string{
	`\pm`: "±", `\mp`: "∓", `\times`: "×", `\div`: "÷", `\cdot`: "·", `\ast`: "∗", `\circ`: "∘", `\bullet`: "•", `\cap`: "∩", `\cup`: "∪", `\setminus`: "∖", `\smallsetminus`: "∖",
	`\wedge`: "∧", `\land`: "∧", `\vee`: "∨", `\lor`: "∨", `\oplus`: "⊕", `\ominus`: "⊖", `\otimes`: "⊗", `\oslash`: "⊘", `\odot`: "⊙", `\uplus`: "⊎", `\sqcap`: "⊓", `\sqcup`: "⊔",
	`\amalg`: "⨿", `\wr`: "≀", `\ltimes`: "⋉", `\rtimes`: "⋊", `\bigtriangleup`: "△", `\triangleleft`: "◁", `\triangleright`: "▷", `\dotplus`: "∔", `\veebar`: "⊻", `\barwedge`: "⊼",
}

var relations = map[string]string{
	`\leq`: "≤", `\le`: "≤", `\leqslant`: "≤", `\geq`: "≥", `\ge`: "≥", `\geqslant`: "≥", `\neq`: "≠", `\ne`: "≠", `\lt`: "<", `\gt`: ">", `\ll`: "≪", `\gg`: "≫",
	`\equiv`: "≡", `\sim`: "∼", `\simeq`: "≃", `\approx`: "≈", `\cong`: "≅", `\propto`: "∝", `\varpropto`: "∝", `\doteq`: "≐", `\triangleq`: "≜", `\asymp`: "≍",
	`\in`: "∈", `\notin`: "∉", `\ni`: "∋", `\subset`: "⊂", `\supset`: "⊃", `\subseteq`: "⊆", `\supseteq`: "⊇", `\subsetneq`: "⊊", `\supsetneq`: "⊋", `\nsubseteq`: "⊈", `\sqsubseteq`: "⊑", `\sqsupseteq`: "⊒",
	`\parallel`: "∥", `\nparallel`: "∦", `\perp`: "⊥", `\mid`: "∣", `\nmid`: "∤", `\vdash`: "⊢", `\dashv`: "⊣", `\models`: "⊨", `\vDash`: "⊨", `\prec`: "≺", `\succ`: "≻", `\preceq`: "⪯", `\succeq`: "⪰",
	`\to`: "→", `\rightarrow`: "→", `\leftarrow`: "←", `\gets`: "←", `\leftrightarrow`: "↔", `\Rightarrow`: "⇒", `\Leftarrow`: "⇐", `\Leftrightarrow`: "⇔", `\implies`: "⟹", `\impliedby`: "⟸", `\iff`: "⟺",
	`\longrightarrow`: "⟶", `\longleftarrow`: "⟵", `\longleftrightarrow`: "⟷", `\Longrightarrow`: "⟹", `\Longleftarrow`: "⟸", `\Longleftrightarrow`: "⟺", `\mapsto`: "↦", `\longmapsto`: "⟼",
	`\uparrow`: "↑", `\downarrow`: "↓", `\updownarrow`: "↕", `\Uparrow`: "⇑", `\Downarrow`: "⇓", `\nearrow`: "↗", `\searrow`: "↘", `\swarrow`: "↙", `\nwarrow`: "↖", `\hookrightarrow`: "↪", `\hookleftarrow`: "↩",
	`\rightharpoonup`: "⇀", `\rightleftharpoons`: "⇌", `\leftharpoonup`: "↼", `\rightsquigarrow`: "⇝", `\leadsto`: "⇝", `\nrightarrow`: "↛", `\nleftarrow`: "↚", `\nRightarrow`: "⇏",
	`\lesssim`: "≲", `\gtrsim`: "≳", `\lessgtr`: "≶", `\nleq`: "≰", `\ngeq`: "≱", `\nless`: "≮", `\ngtr`: "≯", `\ncong`: "≇", `\therefore`: "∴", `\because`: "∵", `\coloneqq`: "≔", `\colon`: ":", `\bowtie`: "⋈",
	`\trianglelefteq`: "⊴", `\trianglerighteq`: "⊵", `\vartriangleleft`: "⊲", `\smile`: "⌣", `\frown`: "⌢", `\between`: "≬",
}

// bigs are operators with limits.
var bigs = map[string]string{
	`\sum`: "∑", `\prod`: "∏", `\coprod`: "∐", `\bigcup`: "⋃", `\bigcap`: "⋂", `\bigvee`: "⋁", `\bigwedge`: "⋀", `\bigoplus`: "⨁", `\bigotimes`: "⨂", `\bigodot`: "⨀", `\biguplus`: "⨄", `\bigsqcup`: "⨆",
}

// integrals are operators with their limits beside them.
var integrals = map[string]string{`\int`: "∫", `\iint`: "∬", `\iiint`: "∭", `\oint`: "∮", `\oiint`: "∯", `\smallint`: "∫"}

// functions are names of functions; true for those with limits.
var functions = map[string]bool{
	`\sin`: false, `\cos`: false, `\tan`: false, `\cot`: false, `\sec`: false, `\csc`: false, `\sinh`: false, `\cosh`: false, `\tanh`: false, `\coth`: false,
	`\arcsin`: false, `\arccos`: false, `\arctan`: false, `\arccot`: false, `\log`: false, `\ln`: false, `\lg`: false, `\exp`: false, `\arg`: false, `\deg`: false, `\dim`: false, `\hom`: false, `\ker`: false,
	`\det`: true, `\gcd`: true, `\inf`: true, `\lim`: true, `\liminf`: true, `\limsup`: true, `\max`: true, `\min`: true, `\sup`: true, `\Pr`: true, `\injlim`: true, `\varlimsup`: true,
}

// named has the functions whose name differs from the command's.
var named = map[string]string{`\liminf`: "lim inf", `\limsup`: "lim sup", `\varlimsup`: "lim sup", `\injlim`: "inj lim"}

var spaces = map[string]int{
	`\quad`: 2, `\qquad`: 4, `\,`: 1, `\:`: 1, `\;`: 1, `\>`: 1, `\ `: 1, `\!`: 0, `~`: 1, `\enspace`: 1, `\thinspace`: 1, `\medspace`: 1, `\thickspace`: 1, `\enskip`: 1,
}

// dropped are commands without effect on a terminal.
var dropped = map[string]bool{
	`\displaystyle`: true, `\textstyle`: true, `\scriptstyle`: true, `\scriptscriptstyle`: true, `\nonumber`: true, `\notag`: true, `\allowbreak`: true, `\nobreak`: true, `\noindent`: true, `\centering`: true,
	`\rm`: true, `\bf`: true, `\it`: true, `\sf`: true, `\tt`: true, `\cal`: true, `\boldmath`: true, `\relax`: true, `\strut`: true, `\mathstrut`: true, `\null`: true, `\/`: true, `\-`: true,
	`\small`: true, `\large`: true, `\Large`: true, `\normalsize`: true, `\footnotesize`: true, `\protect`: true,
}

// sized are commands for the size of the next delimiter, which is automatic here.
var sized = map[string]bool{
	`\big`: true, `\Big`: true, `\bigg`: true, `\Bigg`: true, `\bigl`: true, `\Bigl`: true, `\biggl`: true, `\Biggl`: true,
	`\bigr`: true, `\Bigr`: true, `\biggr`: true, `\Biggr`: true, `\bigm`: true, `\Bigm`: true, `\biggm`: true, `\Biggm`: true,
}

// delimiters by their commands.
var delimiters = map[string]string{
	"(": "(", ")": ")", "[": "[", "]": "]", "|": "|", "/": "/", "<": "⟨", ">": "⟩", ".": "", `\{`: "{", `\}`: "}", `\lbrace`: "{", `\rbrace`: "}", `\lbrack`: "[", `\rbrack`: "]",
	`\|`: "‖", `\Vert`: "‖", `\lVert`: "‖", `\rVert`: "‖", `\vert`: "|", `\lvert`: "|", `\rvert`: "|", `\langle`: "⟨", `\rangle`: "⟩", `\lfloor`: "⌊", `\rfloor`: "⌋", `\lceil`: "⌈", `\rceil`: "⌉",
	`\backslash`: `\`, `\uparrow`: "↑", `\downarrow`: "↓", `\lgroup`: "(", `\rgroup`: ")", `\ulcorner`: "⌜", `\urcorner`: "⌝", "⟨": "⟨", "⟩": "⟩", "‖": "‖", "⌊": "⌊", "⌋": "⌋", "⌈": "⌈", "⌉": "⌉",
}

// fences are commands for single delimiters, and their class. Bars have no side, so they
// are ordinary.
var fences = map[string]class{
	`\{`: opening, `\}`: closing, `\lbrace`: opening, `\rbrace`: closing, `\lbrack`: opening, `\rbrack`: closing, `\langle`: opening, `\rangle`: closing,
	`\lfloor`: opening, `\rfloor`: closing, `\lceil`: opening, `\rceil`: closing, `\lvert`: opening, `\rvert`: closing, `\lVert`: opening, `\rVert`: closing,
	`\lgroup`: opening, `\rgroup`: closing, `\ulcorner`: opening, `\urcorner`: closing, `\vert`: ordinary, `\Vert`: ordinary, `\|`: ordinary,
}

// partner is the delimiter that closes another.
var partner = map[string]string{"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉"}

// accents by command: the combining character, and the line over several letters.
var accents = map[string]accent{
	`\hat`: {mark: '\u0302', over: "^"}, `\widehat`: {mark: '\u0302', over: "^"}, `\tilde`: {mark: '\u0303', over: "~"}, `\widetilde`: {mark: '\u0303', over: "~"},
	`\bar`: {mark: '\u0304', over: "▁"}, `\overline`: {mark: '\u0304', over: "▁"}, `\vec`: {mark: '\u20d7', over: "→"}, `\overrightarrow`: {mark: '\u20d7', over: "→"}, `\overleftarrow`: {mark: '\u20d6', over: "←"},
	`\dot`: {mark: '\u0307', over: "˙"}, `\ddot`: {mark: '\u0308', over: "¨"}, `\dddot`: {mark: '\u20db', over: "¨"}, `\check`: {mark: '\u030c', over: "ˇ"}, `\breve`: {mark: '\u0306', over: "˘"}, `\acute`: {mark: '\u0301', over: "´"}, `\grave`: {mark: '\u0300', over: "`"},
	`\mathring`: {mark: '\u030a', over: "˚"}, `\underline`: {mark: '\u0332', over: "▔", below: true},
}

// negated are relations whose negation is one Unicode character.
var negated = map[string]string{
	"=": "≠", "∈": "∉", "∋": "∌", "⊂": "⊄", "⊃": "⊅", "⊆": "⊈", "⊇": "⊉", "≡": "≢", "∼": "≁", "≃": "≄", "≈": "≉", "≅": "≇", "<": "≮", ">": "≯", "≤": "≰", "≥": "≱", "∣": "∤", "∥": "∦", "∃": "∄", "→": "↛", "←": "↚", "⇒": "⇏", "⇔": "⇎", "⊢": "⊬", "⊨": "⊭",
}

// alphabets are commands for other alphabets. Characters that an alphabet lacks stay as
// they are. Bold and italic change nothing, because the terminal's font may lack them.
var alphabets = map[string]func(rune) rune{
	`\mathbb`: doubleStruck, `\Bbb`: doubleStruck, `\mathcal`: script, `\mathscr`: script, `\mathfrak`: fraktur,
	`\mathbf`: same, `\mathrm`: same, `\mathit`: same, `\mathsf`: same, `\mathtt`: same, `\boldsymbol`: same, `\bm`: same, `\pmb`: same, `\mathnormal`: same, `\bold`: same, `\symbf`: same,
}

func same(r rune) rune { return r }

func doubleStruck(r rune) rune {
	if s, ok := map[rune]rune{'C': 'ℂ', 'H': 'ℍ', 'N': 'ℕ', 'P': 'ℙ', 'Q': 'ℚ', 'R': 'ℝ', 'Z': 'ℤ'}[r]; ok {
		return s
	}
	return face(r, '𝔸', '𝕒', '𝟘')
}

func script(r rune) rune {
	if s, ok := map[rune]rune{'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ', 'e': 'ℯ', 'g': 'ℊ', 'o': 'ℴ'}[r]; ok {
		return s
	}
	return face(r, '𝒜', '𝒶', 0)
}

func fraktur(r rune) rune {
	if s, ok := map[rune]rune{'C': 'ℭ', 'H': 'ℌ', 'I': 'ℑ', 'R': 'ℜ', 'Z': 'ℨ'}[r]; ok {
		return s
	}
	return face(r, '𝔄', '𝔞', 0)
}

// face returns the letter or digit in the alphabet that begins with the given runes.
func face(r, upper, lower, zero rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return upper + r - 'A'
	case 'a' <= r && r <= 'z':
		return lower + r - 'a'
	case '0' <= r && r <= '9' && zero != 0:
		return zero + r - '0'
	}
	return r
}
