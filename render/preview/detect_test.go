package preview

import "testing"

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		want Terminal
	}{
		{"nothing", nil, Terminal{}},
		{"xterm", map[string]string{"TERM": "xterm-256color"}, Terminal{}},
		{"kitty", map[string]string{"TERM": "xterm-kitty"}, Terminal{Protocol: Kitty}},
		{"ghostty", map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Terminal{Protocol: Kitty}},
		{"ghostty over ssh", map[string]string{"TERM": "xterm-ghostty"}, Terminal{Protocol: Kitty}},
		{"iTerm2", map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Terminal{Protocol: ITerm2}},
		{"WezTerm", map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Terminal{Protocol: ITerm2}},
		{"WezTerm over ssh", map[string]string{"TERM": "wezterm"}, Terminal{Protocol: ITerm2}},
		{"Konsole", map[string]string{"TERM": "xterm-256color", "KONSOLE_VERSION": "230804"}, Terminal{Protocol: Kitty}},
		{"old Konsole", map[string]string{"TERM": "xterm-256color", "KONSOLE_VERSION": "201203"}, Terminal{}},
		{"foot", map[string]string{"TERM": "foot"}, Terminal{Protocol: Sixel}},
		{"football", map[string]string{"TERM": "football"}, Terminal{}},
		{"VS Code in kitty", map[string]string{"TERM": "xterm-kitty", "TERM_PROGRAM": "vscode"}, Terminal{}},
		{"Apple's terminal", map[string]string{"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Terminal{}},
		{"tmux in kitty", map[string]string{"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", "TERM_PROGRAM": "tmux"}, Terminal{Tmux: true}},
		{"tmux that says screen", map[string]string{"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, Terminal{Tmux: true}},
		{"ssh from tmux", map[string]string{"TERM": "tmux-256color"}, Terminal{Tmux: true}},
		{"screen in iTerm2", map[string]string{"TERM": "screen", "STY": "1.pts-0", "TERM_PROGRAM": "iTerm.app"}, Terminal{}},
		{"Vim in iTerm2", map[string]string{"TERM": "xterm-256color", "VIM_TERMINAL": "901", "TERM_PROGRAM": "iTerm.app"}, Terminal{}},
		{"dumb", map[string]string{"TERM": "dumb", "TERM_PROGRAM": "iTerm.app"}, Terminal{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Detect(func(name string) string { return tt.env[name] }); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct {
		before Terminal
		answer string
		want   Protocol
	}{
		{Terminal{}, "kitty(0.39.1)", Placeholders},
		{Terminal{}, "kitty(0.28)", Placeholders},
		{Terminal{}, "kitty(0.26.5)", Kitty},
		{Terminal{}, "kitty(1.0.0)", Placeholders},
		{Terminal{}, "ghostty 1.1.3", Placeholders},
		{Terminal{}, "XTerm(390)", Blocks},
		{Terminal{Protocol: Sixel}, "foot(1.16.2)", Sixel},
		{Terminal{Protocol: ITerm2}, "WezTerm 20240203", ITerm2},
		{Terminal{Tmux: true}, "kitty(0.39.1)", Blocks},
		{Terminal{Tmux: true}, "tmux 3.4", Blocks},
		{Terminal{}, "", Blocks},
		{Terminal{}, "(", Blocks},
	} {
		if got := tt.before.Named(tt.answer).Protocol; got != tt.want {
			t.Errorf("%q after %+v is %v, want %v", tt.answer, tt.before, got, tt.want)
		}
	}
}

func TestAroundTmux(t *testing.T) {
	for _, tt := range []struct {
		answer string
		want   Protocol
	}{
		{"on|0|256,RGB,title|kitty(0.39.1)\n", Placeholders},
		{"1||256,RGB,title|kitty(0.39.1)\n", Placeholders}, // as tmux 3.3 says it
		{"all|1|256,RGB,sixel|ghostty 1.1.3\n", Placeholders},
		{"on|0|256,RGB|kitty(0.26.5)\n", Blocks},
		{"off|1|256,RGB,sixel,title|kitty(0.39.1)\n", Sixel},
		{"off|0|256,RGB|kitty(0.39.1)\n", Blocks},
		{"on|0|256|\n", Blocks},
		{"on|1|256,sixel|foot(1.16.2)\n", Sixel},
		{"on||256,sixel|foot(1.16.2)\n", Blocks}, // of a tmux that does not know Sixel
		{"on|1|256,nosixel|foot(1.16.2)\n", Blocks},
		{"0|||\n", Blocks}, // detached
		{"", Blocks},
		{"a|b|c|d|e", Blocks},
	} {
		if got := (Terminal{Tmux: true}).around(tt.answer).Protocol; got != tt.want {
			t.Errorf("%q is %v, want %v", tt.answer, got, tt.want)
		}
	}
}
