package preview

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Detect learns from the environment how a terminal shows pictures. Colours and the
// size of a cell are not in what it tells.
//
// Which terminals obey which protocol is from their own documentation. Only those
// are named that always do, in every version that is still in use or in the version
// that the environment tells: Windows Terminal, VS Code and xterm may be able to show
// Sixel, and do not say so here.
func Detect(getenv func(string) string) Terminal {
	name := getenv("TERM")
	if getenv("TMUX") != "" || strings.HasPrefix(name, "tmux") {
		return Terminal{Tmux: true} // what is around it only tmux knows: see Tmux
	}
	if strings.HasPrefix(name, "screen") || name == "dumb" || name == "linux" {
		return Terminal{}
	}
	for _, within := range terminalsWithin {
		if getenv(within) != "" {
			return Terminal{}
		}
	}
	return Terminal{Protocol: protocolOf(name, getenv)}
}

// terminalsWithin are variables that are set by programs which are a terminal within
// another, whose variables they leave as they are, and which show no pictures.
var terminalsWithin = []string{"STY", "ZELLIJ", "VIM_TERMINAL", "NVIM", "INSIDE_EMACS"}

func protocolOf(name string, getenv func(string) string) Protocol {
	switch getenv("TERM_PROGRAM") {
	case "ghostty":
		return Kitty
	case "iTerm.app", "WezTerm", "mintty", "rio":
		return ITerm2
	case "":
	default:
		return Blocks // another program, inside one that the rest would name
	}
	switch {
	case name == "xterm-kitty", name == "xterm-ghostty":
		return Kitty
	case version(getenv("KONSOLE_VERSION")) >= 220400: // 22.04
		return Kitty
	case name == "foot", strings.HasPrefix(name, "foot-"), strings.HasPrefix(name, "mlterm"), strings.HasPrefix(name, "contour"), strings.HasPrefix(name, "yaft"):
		return Sixel
	case name == "wezterm":
		return ITerm2
	}
	return Blocks
}

func version(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// Named learns from what a terminal answers when it is asked for its name and
// version (XTVERSION). An answer that says nothing of pictures leaves t as it is.
func (t Terminal) Named(answer string) Terminal {
	if !t.Tmux {
		t.Protocol = named(t.Protocol, answer)
	}
	return t
}

// named is the protocol of a terminal that answers so, otherwise where that says
// nothing of pictures. Placeholders are known by their version alone.
func named(otherwise Protocol, answer string) Protocol {
	name, rest, _ := strings.Cut(strings.ToLower(answer), "(")
	if f := strings.Fields(name); len(f) > 0 {
		name = f[0]
	}
	switch name {
	case "ghostty":
		return Placeholders
	case "kitty":
		major, minor, _ := strings.Cut(rest, ".")
		minor, _, _ = strings.Cut(minor, ".")
		if version(major) > 0 || version(strings.TrimSuffix(minor, ")")) >= 28 {
			return Placeholders
		}
		return Kitty
	}
	return otherwise
}

// tmuxTime is how long tmux may take to answer.
const tmuxTime = time.Second

// tmuxFormat asks tmux for what [Terminal.around] reads; the last is the terminal's
// own name and version.
const tmuxFormat = "#{allow-passthrough}|#{sixel_support}|#{client_termfeatures}|#{client_termtype}"

// AskTmux asks the tmux that t is about the terminal around it, in a process of its
// own, and returns what pictures can be drawn with. Without an answer it is t.
func (t Terminal) AskTmux(ctx context.Context) Terminal {
	if !t.Tmux {
		return t
	}
	ctx, cancel := context.WithTimeout(ctx, tmuxTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "tmux", "display-message", "-p", tmuxFormat).Output()
	if err != nil {
		return t
	}
	return t.around(string(out))
}

// around learns from tmux's answer. Placeholders go through it, when it lets the
// picture itself pass to a terminal that knows them; Sixel it draws itself.
func (t Terminal) around(answer string) Terminal {
	f := strings.Split(strings.TrimRight(answer, "\r\n"), "|")
	if len(f) != 4 {
		return t
	}
	passes, sixel, features, name := f[0], f[1], f[2], f[3]
	switch {
	case (passes == "on" || passes == "all" || passes == "1") && named(Blocks, name) == Placeholders:
		t.Protocol = Placeholders
	case sixel == "1" && slices.Contains(strings.Split(features, ","), "sixel"):
		t.Protocol = Sixel
	}
	return t
}
