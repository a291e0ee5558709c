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
	`\Alpha`: "Α", `\Beta`: "Β", `\Epsilon`: "Ε", `\Zeta`: "Ζ", `\Eta`: "Η", `\Iota`: "Ι", `\Kappa`: "Κ", `\Mu`: "Μ", `\Nu`: "Ν", `\Omicron`: "Ο",
	`\Rho`: "Ρ", `\Tau`: "Τ", `\Chi`: "Χ", `\varGamma`: "Γ", `\varDelta`: "Δ", `\varTheta`: "Θ", `\varLambda`: "Λ", `\varXi`: "Ξ", `\varPi`: "Π", `\varSigma`: "Σ",
	`\varUpsilon`: "Υ", `\varPhi`: "Φ", `\varPsi`: "Ψ", `\varOmega`: "Ω", `\thetasym`: "ϑ", `\digamma`: "ϝ", `\Game`: "⅁", `\alef`: "ℵ", `\alefsym`: "ℵ", `\gimel`: "ℷ",
	`\daleth`: "ℸ", `\hslash`: "ℏ", `\image`: "ℑ", `\real`: "ℜ", `\weierp`: "℘", `\Bbbk`: "𝕜", `\cnums`: "ℂ", `\Complex`: "ℂ", `\natnums`: "ℕ", `\reals`: "ℝ",
	`\Reals`: "ℝ", `\exist`: "∃", `\empty`: "∅", `\infin`: "∞", `\sect`: "§", `\dag`: "†", `\ddag`: "‡", `\Dagger`: "‡", `\mathellipsis`: "…",
	`\sdot`: "⋅", `\lq`: "‘", `\rq`: "’", `\backprime`: "‵", `\mathsterling`: "£", `\yen`: "¥", `\triangledown`: "▽", `\blacktriangledown`: "▼", `\blacktriangleleft`: "◀", `\blacktriangleright`: "▶",
	`\lozenge`: "◊", `\blacklozenge`: "⧫", `\sphericalangle`: "∢", `\clubs`: "♣", `\diamonds`: "♢", `\hearts`: "♡", `\spades`: "♠", `\circledR`: "®", `\circledS`: "Ⓢ", `\maltese`: "✠",
	`\minuso`: "⦵", `\diagdown`: "╲", `\diagup`: "╱", `\flat`: "♭", `\natural`: "♮", `\sharp`: "♯", `\KaTeX`: "KaTeX", `\LaTeX`: "LaTeX", `\TeX`: "TeX", `\angln`: "n⌉",
	`\iddots`: "⋰", `\cdotp`: "·", `\ldotp`: ".", `\i`: "ı", `\j`: "ȷ",
}

var binaries = map[string]string{
	`\pm`: "±", `\mp`: "∓", `\times`: "×", `\div`: "÷", `\cdot`: "·", `\ast`: "∗", `\circ`: "∘", `\bullet`: "•", `\cap`: "∩", `\cup`: "∪", `\setminus`: "∖", `\smallsetminus`: "∖",
	`\wedge`: "∧", `\land`: "∧", `\vee`: "∨", `\lor`: "∨", `\oplus`: "⊕", `\ominus`: "⊖", `\otimes`: "⊗", `\oslash`: "⊘", `\odot`: "⊙", `\uplus`: "⊎", `\sqcap`: "⊓", `\sqcup`: "⊔",
	`\amalg`: "⨿", `\wr`: "≀", `\ltimes`: "⋉", `\rtimes`: "⋊", `\bigtriangleup`: "△", `\triangleleft`: "◁", `\triangleright`: "▷", `\dotplus`: "∔", `\veebar`: "⊻", `\barwedge`: "⊼",
	`\plusmn`: "±", `\centerdot`: "·", `\intercal`: "⊺", `\rhd`: "⊳", `\lhd`: "⊲", `\unlhd`: "⊴", `\unrhd`: "⊵", `\leftthreetimes`: "⋋", `\rightthreetimes`: "⋌", `\circledast`: "⊛",
	`\circledcirc`: "⊚", `\circleddash`: "⊝", `\And`: "&", `\Cup`: "⋓", `\Cap`: "⋒", `\doublecup`: "⋓", `\doublecap`: "⋒", `\bigcirc`: "◯", `\curlyvee`: "⋎", `\curlywedge`: "⋏",
	`\boxdot`: "⊡", `\boxminus`: "⊟", `\boxplus`: "⊞", `\boxtimes`: "⊠", `\divideontimes`: "⋇", `\doublebarwedge`: "⩞", `\bigtriangledown`: "▽", `\gtrdot`: "⋗", `\lessdot`: "⋖",
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
	`\isin`: "∈", `\notni`: "∌", `\owns`: "∋", `\sub`: "⊂", `\sube`: "⊆", `\supe`: "⊇", `\subseteqq`: "⫅", `\supseteqq`: "⫆", `\Subset`: "⋐", `\Supset`: "⋑",
	`\sqsubset`: "⊏", `\sqsupset`: "⊐", `\leqq`: "≦", `\geqq`: "≧", `\lll`: "⋘", `\llless`: "⋘", `\ggg`: "⋙", `\gggtr`: "⋙", `\lessapprox`: "⪅", `\gtrapprox`: "⪆",
	`\lesseqgtr`: "⋚", `\lesseqqgtr`: "⪋", `\gtreqless`: "⋛", `\gtreqqless`: "⪌", `\gtrless`: "≷", `\eqslantless`: "⪕", `\eqslantgtr`: "⪖", `\approxeq`: "≊", `\backepsilon`: "∍", `\backsim`: "∽",
	`\backsimeq`: "⋍", `\bumpeq`: "≏", `\Bumpeq`: "≎", `\circeq`: "≗", `\eqcirc`: "≖", `\eqsim`: "≂", `\Doteq`: "≑", `\doteqdot`: "≑", `\fallingdotseq`: "≒", `\risingdotseq`: "≓",
	`\curlyeqprec`: "⋞", `\curlyeqsucc`: "⋟", `\preccurlyeq`: "≼", `\succcurlyeq`: "≽", `\precsim`: "≾", `\succsim`: "≿", `\precapprox`: "⪷", `\succapprox`: "⪸", `\thickapprox`: "≈", `\thicksim`: "∼",
	`\Join`: "⋈", `\multimap`: "⊸", `\origof`: "⊶", `\imageof`: "⊷", `\pitchfork`: "⋔", `\shortmid`: "∣", `\shortparallel`: "∥", `\smallfrown`: "⌢", `\smallsmile`: "⌣", `\vartriangle`: "△",
	`\vartriangleright`: "⊳", `\Vdash`: "⊩", `\Vvdash`: "⊪", `\vcentcolon`: ":", `\ratio`: ":", `\dblcolon`: "∷", `\coloncolon`: "∷", `\colonequals`: "≔", `\Coloneqq`: "⩴", `\coloncolonequals`: "⩴",
	`\eqqcolon`: "≕", `\equalscolon`: "≕", `\Eqqcolon`: "=∷", `\equalscoloncolon`: "=∷", `\coloneq`: ":−", `\colonminus`: ":−", `\Coloneq`: "∷−", `\coloncolonminus`: "∷−", `\eqcolon`: "−:", `\minuscolon`: "−:",
	`\Eqcolon`: "−∷", `\minuscoloncolon`: "−∷", `\colonapprox`: ":≈", `\Colonapprox`: "∷≈", `\coloncolonapprox`: "∷≈", `\colonsim`: ":∼", `\Colonsim`: "∷∼", `\coloncolonsim`: "∷∼", `\approxcolon`: "≈:", `\approxcoloncolon`: "≈∷",
	`\simcolon`: "∼:", `\simcoloncolon`: "∼∷", `\gneq`: "⪈", `\gneqq`: "≩", `\gvertneqq`: "≩", `\gnsim`: "⋧", `\gnapprox`: "⪊", `\lneq`: "⪇", `\lneqq`: "≨", `\lvertneqq`: "≨",
	`\lnsim`: "⋦", `\lnapprox`: "⪉", `\ngeqq`: "≱", `\ngeqslant`: "≱", `\nleqq`: "≰", `\nleqslant`: "≰", `\nprec`: "⊀", `\nsucc`: "⊁", `\npreceq`: "⋠", `\nsucceq`: "⋡",
	`\precneqq`: "⪵", `\succneqq`: "⪶", `\precnsim`: "⋨", `\succnsim`: "⋩", `\precnapprox`: "⪹", `\succnapprox`: "⪺", `\nsim`: "≁", `\nshortmid`: "∤", `\nshortparallel`: "∦", `\nsupseteq`: "⊉",
	`\nsubseteqq`: "⊈", `\nsupseteqq`: "⊉", `\subsetneqq`: "⫋", `\supsetneqq`: "⫌", `\varsubsetneq`: "⊊", `\varsubsetneqq`: "⫋", `\varsupsetneq`: "⊋", `\varsupsetneqq`: "⫌", `\ntriangleleft`: "⋪", `\ntriangleright`: "⋫",
	`\ntrianglelefteq`: "⋬", `\ntrianglerighteq`: "⋭", `\nvdash`: "⊬", `\nvDash`: "⊭", `\nVdash`: "⊮", `\nVDash`: "⊯", `\circlearrowleft`: "↺", `\circlearrowright`: "↻", `\curvearrowleft`: "↶", `\curvearrowright`: "↷",
	`\Darr`: "⇓", `\dArr`: "⇓", `\darr`: "↓", `\Uarr`: "⇑", `\uArr`: "⇑", `\uarr`: "↑", `\Larr`: "⇐", `\lArr`: "⇐", `\larr`: "←", `\Rarr`: "⇒",
	`\rArr`: "⇒", `\rarr`: "→", `\Harr`: "⇔", `\hArr`: "⇔", `\harr`: "↔", `\Lrarr`: "⇔", `\lrArr`: "⇔", `\lrarr`: "↔", `\dashleftarrow`: "⇠", `\dashrightarrow`: "⇢",
	`\downdownarrows`: "⇊", `\upuparrows`: "⇈", `\leftleftarrows`: "⇇", `\rightrightarrows`: "⇉", `\leftrightarrows`: "⇆", `\rightleftarrows`: "⇄", `\downharpoonleft`: "⇃", `\downharpoonright`: "⇂", `\upharpoonleft`: "↿", `\upharpoonright`: "↾",
	`\restriction`: "↾", `\leftharpoondown`: "↽", `\rightharpoondown`: "⇁", `\leftrightharpoons`: "⇋", `\leftrightsquigarrow`: "↭", `\leftarrowtail`: "↢", `\rightarrowtail`: "↣", `\looparrowleft`: "↫", `\looparrowright`: "↬", `\Lleftarrow`: "⇚",
	`\Rrightarrow`: "⇛", `\Lsh`: "↰", `\Rsh`: "↱", `\twoheadleftarrow`: "↞", `\twoheadrightarrow`: "↠", `\nLeftarrow`: "⇍", `\nleftrightarrow`: "↮", `\nLeftrightarrow`: "⇎", `\Updownarrow`: "⇕",
}

// bigs are operators with limits.
var bigs = map[string]string{
	`\sum`: "∑", `\prod`: "∏", `\coprod`: "∐", `\bigcup`: "⋃", `\bigcap`: "⋂", `\bigvee`: "⋁", `\bigwedge`: "⋀", `\bigoplus`: "⨁", `\bigotimes`: "⨂", `\bigodot`: "⨀", `\biguplus`: "⨄", `\bigsqcup`: "⨆",
}

// integrals are operators with their limits beside them.
var integrals = map[string]string{`\int`: "∫", `\iint`: "∬", `\iiint`: "∭", `\oint`: "∮", `\oiint`: "∯", `\oiiint`: "∰", `\intop`: "∫", `\smallint`: "∫"}

// functions are names of functions; true for those with limits.
var functions = map[string]bool{
	`\sin`: false, `\cos`: false, `\tan`: false, `\cot`: false, `\sec`: false, `\csc`: false, `\sinh`: false, `\cosh`: false, `\tanh`: false, `\coth`: false,
	`\arcsin`: false, `\arccos`: false, `\arctan`: false, `\arccot`: false, `\log`: false, `\ln`: false, `\lg`: false, `\exp`: false, `\arg`: false, `\deg`: false, `\dim`: false, `\hom`: false, `\ker`: false,
	`\det`: true, `\gcd`: true, `\inf`: true, `\lim`: true, `\liminf`: true, `\limsup`: true, `\max`: true, `\min`: true, `\sup`: true, `\Pr`: true, `\injlim`: true, `\varlimsup`: true,
	`\arctg`: false, `\arcctg`: false, `\ch`: false, `\cosec`: false, `\cotg`: false, `\ctg`: false, `\cth`: false, `\sh`: false, `\tg`: false, `\th`: false,
	`\argmax`: true, `\argmin`: true, `\plim`: true, `\projlim`: true, `\varinjlim`: true, `\varliminf`: true, `\varprojlim`: true,
}

// named has the functions whose name differs from the command's.
var named = map[string]string{
	`\liminf`: "lim inf", `\limsup`: "lim sup", `\varlimsup`: "lim sup", `\varliminf`: "lim inf", `\injlim`: "inj lim", `\varinjlim`: "inj lim", `\projlim`: "proj lim", `\varprojlim`: "proj lim",
	`\argmax`: "arg max", `\argmin`: "arg min",
}

var spaces = map[string]int{
	`\quad`: 2, `\qquad`: 4, `\,`: 1, `\:`: 1, `\;`: 1, `\>`: 1, `\ `: 1, `\!`: 0, `~`: 1, `\enspace`: 1, `\thinspace`: 1, `\medspace`: 1, `\thickspace`: 1, `\enskip`: 1,
	`\space`: 1, `\nobreakspace`: 1, `\negthinspace`: 0, `\negmedspace`: 0, `\negthickspace`: 0,
}

// dropped are commands without effect on a terminal.
var dropped = map[string]bool{
	`\displaystyle`: true, `\textstyle`: true, `\scriptstyle`: true, `\scriptscriptstyle`: true, `\nonumber`: true, `\notag`: true, `\allowbreak`: true, `\nobreak`: true, `\noindent`: true, `\centering`: true,
	`\rm`: true, `\bf`: true, `\it`: true, `\sf`: true, `\tt`: true, `\cal`: true, `\boldmath`: true, `\relax`: true, `\strut`: true, `\mathstrut`: true, `\null`: true, `\/`: true, `\-`: true,
	`\small`: true, `\large`: true, `\Large`: true, `\normalsize`: true, `\footnotesize`: true, `\protect`: true,
	`\LARGE`: true, `\huge`: true, `\Huge`: true, `\scriptsize`: true, `\tiny`: true, `\limits`: true, `\nolimits`: true,
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
	`\lparen`: "(", `\rparen`: ")", `\lang`: "⟨", `\rang`: "⟩", `\lt`: "⟨", `\gt`: "⟩", `\lmoustache`: "⎰", `\rmoustache`: "⎱", `\llcorner`: "⌞", `\lrcorner`: "⌟", `\llbracket`: "⟦", `\rrbracket`: "⟧", `\lBrace`: "⦃", `\rBrace`: "⦄",
	`\updownarrow`: "↕", `\Uparrow`: "⇑", `\Downarrow`: "⇓", `\Updownarrow`: "⇕", "⎰": "⎰", "⎱": "⎱", "⟮": "(", "⟯": ")", "⟦": "⟦", "⟧": "⟧", "⦃": "⦃", "⦄": "⦄", "┌": "⌜", "┐": "⌝", "└": "⌞", "┘": "⌟",
}

// fences are commands for single delimiters, and their class. Bars have no side, so they
// are ordinary.
var fences = map[string]class{
	`\{`: opening, `\}`: closing, `\lbrace`: opening, `\rbrace`: closing, `\lbrack`: opening, `\rbrack`: closing, `\langle`: opening, `\rangle`: closing,
	`\lfloor`: opening, `\rfloor`: closing, `\lceil`: opening, `\rceil`: closing, `\lvert`: opening, `\rvert`: closing, `\lVert`: opening, `\rVert`: closing,
	`\lgroup`: opening, `\rgroup`: closing, `\ulcorner`: opening, `\urcorner`: closing, `\vert`: ordinary, `\Vert`: ordinary, `\|`: ordinary,
	`\lparen`: opening, `\rparen`: closing, `\lang`: opening, `\rang`: closing, `\lmoustache`: opening, `\rmoustache`: closing, `\llcorner`: opening, `\lrcorner`: closing,
	`\llbracket`: opening, `\rrbracket`: closing, `\lBrace`: opening, `\rBrace`: closing,
}

// partner is the delimiter that closes another.
var partner = map[string]string{"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉", "⟦": "⟧", "⦃": "⦄"}

// accents by command: the combining character, and the character or the line over
// several letters.
var accents = map[string]accent{
	`\hat`: {mark: '\u0302', over: "^"}, `\widehat`: {mark: '\u0302', over: "^"}, `\tilde`: {mark: '\u0303', over: "~"}, `\widetilde`: {mark: '\u0303', over: "~"}, `\utilde`: {mark: '\u0330', over: "~", below: true},
	`\dot`: {mark: '\u0307', over: "˙"}, `\ddot`: {mark: '\u0308', over: "¨"}, `\dddot`: {mark: '\u20db', over: "¨"}, `\ddddot`: {mark: '\u20dc', over: "¨"}, `\mathring`: {mark: '\u030a', over: "˚"},
	`\check`: {mark: '\u030c', over: "ˇ"}, `\widecheck`: {mark: '\u030c', over: "ˇ"}, `\breve`: {mark: '\u0306', over: "˘"}, `\acute`: {mark: '\u0301', over: "´"}, `\grave`: {mark: '\u0300', over: "`"},
	`\bar`: {mark: '\u0304', line: arrow{line: "▁"}}, `\overline`: {mark: '\u0304', line: arrow{line: "▁"}},
	`\underline`: {mark: '\u0332', line: arrow{line: "▔"}, below: true}, `\underbar`: {mark: '\u0332', line: arrow{line: "▔"}, below: true},
	`\vec`: {mark: '\u20d7', line: arrow{"", "─", "→"}}, `\overrightarrow`: {mark: '\u20d7', line: arrow{"", "─", "→"}}, `\Overrightarrow`: {mark: '\u20d7', line: arrow{"", "═", "⇒"}},
	`\overleftarrow`: {mark: '\u20d6', line: arrow{"←", "─", ""}}, `\overleftrightarrow`: {mark: '\u20e1', line: arrow{"←", "─", "→"}},
	`\underrightarrow`: {mark: '\u20ef', line: arrow{"", "─", "→"}, below: true}, `\underleftarrow`: {mark: '\u20ee', line: arrow{"←", "─", ""}, below: true}, `\underleftrightarrow`: {mark: '\u034d', line: arrow{"←", "─", "→"}, below: true},
	`\overleftharpoon`: {mark: '\u20d0', line: arrow{"↼", "─", ""}}, `\overrightharpoon`: {mark: '\u20d1', line: arrow{"", "─", "⇀"}},
	`\overgroup`: {mark: '\u0311', line: arrow{"╭", "─", "╮"}}, `\undergroup`: {mark: '\u032e', line: arrow{"╰", "─", "╯"}, below: true},
	`\overlinesegment`: {mark: '\u0304', line: arrow{"├", "─", "┤"}}, `\underlinesegment`: {mark: '\u0332', line: arrow{"├", "─", "┤"}, below: true},
	`\cancel`: {mark: '\u0338'}, `\bcancel`: {mark: '\u20e5'}, `\xcancel`: {mark: '\u0338'}, `\sout`: {mark: '\u0336'},
}

// arrows by command: as one character, and of any length.
var arrows = map[string]stack{
	`\xrightarrow`: extensible("⟶", "", "─", "→"), `\xleftarrow`: extensible("⟵", "←", "─", ""), `\xleftrightarrow`: extensible("⟷", "←", "─", "→"),
	`\xRightarrow`: extensible("⟹", "", "═", "⇒"), `\xLeftarrow`: extensible("⟸", "⇐", "═", ""), `\xLeftrightarrow`: extensible("⟺", "⇐", "═", "⇒"),
	`\xhookrightarrow`: extensible("↪", "╰", "─", "→"), `\xhookleftarrow`: extensible("↩", "←", "─", "╯"), `\xmapsto`: extensible("⟼", "├", "─", "→"),
	`\xtwoheadrightarrow`: extensible("↠", "", "─", "↠"), `\xtwoheadleftarrow`: extensible("↞", "↞", "─", ""), `\xtofrom`: extensible("⇄", "", "─", "⇄"),
	`\xrightharpoonup`: extensible("⇀", "", "─", "⇀"), `\xrightharpoondown`: extensible("⇁", "", "─", "⇁"), `\xleftharpoonup`: extensible("↼", "↼", "─", ""), `\xleftharpoondown`: extensible("↽", "↽", "─", ""),
	`\xrightleftharpoons`: extensible("⇌", "", "─", "⇌"), `\xleftrightharpoons`: extensible("⇋", "⇋", "─", ""), `\xlongequal`: extensible("═", "", "═", ""), `\xequal`: extensible("═", "", "═", ""),
}

func extensible(short, left, line, right string) stack {
	return stack{base: symbol{text: short, kind: relation}, kind: relation, arrow: arrow{left, line, right}}
}

// classes are commands that give a part another class.
var classes = map[string]class{
	`\mathop`: operator, `\mathbin`: binary, `\mathrel`: relation, `\mathopen`: opening, `\mathclose`: closing, `\mathpunct`: punctuation, `\mathord`: ordinary, `\mathinner`: inner,
}

// isText are commands for text, whose font a terminal does not have.
var isText = map[token]bool{
	`\text`: true, `\textrm`: true, `\textbf`: true, `\textit`: true, `\texttt`: true, `\textsf`: true, `\textup`: true, `\textmd`: true, `\textsl`: true, `\textsc`: true,
	`\mbox`: true, `\hbox`: true, `\textnormal`: true, `\emph`: true, `\llap`: true, `\rlap`: true, `\clap`: true, `\url`: true,
}

// textAccents are combining characters by their commands in text.
var textAccents = map[token]string{
	`\'`: "\u0301", "\\`": "\u0300", `\^`: "\u0302", `\~`: "\u0303", `\=`: "\u0304", `\u`: "\u0306", `\.`: "\u0307", `\"`: "\u0308", `\r`: "\u030a", `\H`: "\u030b", `\v`: "\u030c", `\c`: "\u0327", `\textcircled`: "\u20dd",
}

// textLetters are letters and marks by their commands in text.
var textLetters = map[token]string{
	`\o`: "ø", `\O`: "Ø", `\ss`: "ß", `\aa`: "å", `\AA`: "Å", `\ae`: "æ", `\AE`: "Æ", `\oe`: "œ", `\OE`: "Œ", `\l`: "ł", `\L`: "Ł",
	`\textunderscore`: "_", `\textendash`: "–", `\textemdash`: "—", `\textasciitilde`: "~", `\textasciicircum`: "^", `\textellipsis`: "…", `\textquoteleft`: "‘", `\textquoteright`: "’", `\textquotedblleft`: "“", `\textquotedblright`: "”",
	`\textdollar`: "$", `\textsterling`: "£", `\textless`: "<", `\textgreater`: ">", `\textbar`: "|", `\textbardbl`: "‖", `\textbraceleft`: "{", `\textbraceright`: "}", `\textbackslash`: `\`, `\textdegree`: "°", `\textregistered`: "®",
	`\textdagger`: "†", `\textdaggerdbl`: "‡", `\textbullet`: "•",
}

// characters are those that are no ordinary symbols.
var characters = func() map[string]symbol {
	all := map[string]symbol{}
	for _, table := range []struct {
		of     map[string]string
		symbol symbol
	}{{relations, symbol{kind: relation}}, {binaries, symbol{kind: binary}}, {bigs, symbol{kind: operator, limits: true}}, {integrals, symbol{kind: operator}}} {
		for _, text := range table.of {
			s := table.symbol
			s.text = text
			all[text] = s
		}
	}
	for text, kind := range map[string]class{"=": relation, "+": binary, "−": binary, "(": opening, "[": opening, ")": closing, "]": closing, ",": punctuation, ";": punctuation} {
		all[text] = symbol{text: text, kind: kind}
	}
	for c, kind := range fences {
		if text := delimiters[c]; len(text) > 1 {
			all[text] = symbol{text: text, kind: kind}
		}
	}
	delete(all, "&") // separates cells
	delete(all, "△") // is a triangle more often than an operator
	all["-"], all["*"] = all["−"], all["∗"]
	return all
}()

// negated are relations whose negation is one Unicode character.
var negated = map[string]string{
	"=": "≠", "∈": "∉", "∋": "∌", "⊂": "⊄", "⊃": "⊅", "⊆": "⊈", "⊇": "⊉", "≡": "≢", "∼": "≁", "≃": "≄", "≈": "≉", "≅": "≇", "<": "≮", ">": "≯", "≤": "≰", "≥": "≱", "∣": "∤", "∥": "∦", "∃": "∄", "→": "↛", "←": "↚", "⇒": "⇏", "⇔": "⇎", "⊢": "⊬", "⊨": "⊭",
}

// alphabets are commands for other alphabets. Characters that an alphabet lacks stay as
// they are. Bold and italic change nothing, because the terminal's font may lack them.
var alphabets = map[string]func(rune) rune{
	`\mathbb`: doubleStruck, `\Bbb`: doubleStruck, `\mathcal`: script, `\mathscr`: script, `\mathfrak`: fraktur, `\frak`: fraktur,
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
