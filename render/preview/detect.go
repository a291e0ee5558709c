package preview

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Detect determines from the environment how a terminal shows pictures. It does not
// set Profile and Cell.
//
// The terminals' own documentation says which protocol they support. Detect names only
// terminals that always support it, in every version in use or in the version that the
// environment has. Windows Terminal, VS Code and xterm can support Sixel, but the
// environment does not say so.
func Detect(getenv func(string) string) Terminal {
	name := getenv("TERM")
	if getenv("TMUX") != "" || strings.HasPrefix(name, "tmux") {
		return Terminal{Tmux: true} // only tmux knows the terminal around it: see AskTmux
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

// terminalsWithin are variables of programs that are a terminal inside another one and
// show no pictures. They keep the variables of the outer terminal.
var terminalsWithin = []string{"STY", "ZELLIJ", "VIM_TERMINAL", "NVIM", "INSIDE_EMACS"}

func protocolOf(name string, getenv func(string) string) Protocol {
	switch getenv("TERM_PROGRAM") {
	case "ghostty":
		return Kitty
	case "iTerm.app", "WezTerm", "mintty", "rio":
		return ITerm2
	case "":
	default:
		return Blocks // another terminal, inside the one that the rest would name
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

// Named returns t with the protocol that a terminal's name and version imply: its
// answer to XTVERSION. An answer that implies none changes nothing.
func (t Terminal) Named(answer string) Terminal {
	if !t.Tmux {
		t.Protocol = protocolNamed(t.Protocol, answer)
	}
	return t
}

// protocolNamed returns the protocol that an answer implies, and otherwise when it
// implies none. Only the version shows whether a terminal has placeholders.
func protocolNamed(otherwise Protocol, answer string) Protocol {
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

// tmuxTime is the timeout for tmux to answer.
const tmuxTime = time.Second

// tmuxFormat asks tmux for what [Terminal.around] reads. The last field is the name and
// version of the outer terminal.
const tmuxFormat = "#{allow-passthrough}|#{sixel_support}|#{client_termfeatures}|#{client_termtype}"

// AskTmux runs tmux to ask for the terminal around it, and returns t with the protocol
// that works through tmux. Without an answer it returns t.
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

// around reads tmux's answer. Placeholders work when tmux passes the picture itself
// through to a terminal that supports them. tmux draws Sixel itself.
func (t Terminal) around(answer string) Terminal {
	f := strings.Split(strings.TrimRight(answer, "\r\n"), "|")
	if len(f) != 4 {
		return t
	}
	passes, sixel, features, name := f[0], f[1], f[2], f[3]
	switch {
	case (passes == "on" || passes == "all" || passes == "1") && protocolNamed(Blocks, name) == Placeholders:
		t.Protocol = Placeholders
	case sixel == "1" && slices.Contains(strings.Split(features, ","), "sixel"):
		t.Protocol = Sixel
	}
	return t
}
