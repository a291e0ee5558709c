package attach

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// clipboardTime is how long a clipboard program may take.
const clipboardTime = 5 * time.Second

// A clipboardTool is a program, or several, that read and write the clipboard of
// Wayland, X, macOS or Windows.
type clipboardTool struct {
	pkg                    string // what to install
	image, text, writeText []string
}

const windowsImage = "$i=Get-Clipboard -Format Image; if ($i) { $m=New-Object IO.MemoryStream; $i.Save($m,[Drawing.Imaging.ImageFormat]::Png); $o=[Console]::OpenStandardOutput(); $o.Write($m.ToArray(),0,$m.Length) }"

// clipboardTools returns the tools that can work here, the best first. There are none over ssh:
// the clipboard of that machine is not the user's.
func clipboardTools(getenv func(string) string) []clipboardTool {
	switch {
	case getenv("SSH_CONNECTION") != "":
		return nil
	case runtime.GOOS == "darwin":
		return []clipboardTool{{"pngpaste", []string{"pngpaste", "-"}, []string{"pbpaste"}, []string{"pbcopy"}}}
	case runtime.GOOS == "windows" || getenv("WSL_DISTRO_NAME") != "":
		return []clipboardTool{{
			"PowerShell",
			[]string{"powershell.exe", "-NoProfile", "-Command", windowsImage},
			[]string{"powershell.exe", "-NoProfile", "-Command", "Get-Clipboard"},
			[]string{"clip.exe"},
		}}
	case getenv("WAYLAND_DISPLAY") != "":
		return []clipboardTool{{"wl-clipboard", []string{"wl-paste", "--type", "image/png"}, []string{"wl-paste", "--no-newline"}, []string{"wl-copy"}}}
	case getenv("DISPLAY") != "":
		return []clipboardTool{
			{
				"xclip",
				[]string{"xclip", "-selection", "clipboard", "-t", "image/png", "-o"},
				[]string{"xclip", "-selection", "clipboard", "-o"},
				[]string{"xclip", "-selection", "clipboard"},
			},
			{"xsel", nil, []string{"xsel", "-ob"}, []string{"xsel", "-ib"}},
		}
	}
	return nil
}

// clipboardCommand returns the first command that is installed, or nil.
func clipboardCommand(getenv func(string) string, command func(clipboardTool) []string) []string {
	for _, t := range clipboardTools(getenv) {
		if c := command(t); c != nil {
			if _, err := exec.LookPath(c[0]); err == nil {
				return c
			}
		}
	}
	return nil
}

// ErrNoClipboard reports that no program here can read the clipboard's text.
var ErrNoClipboard = errors.New("no program that reads the clipboard is installed")

// ClipboardImage returns the image file on the system's clipboard.
func ClipboardImage(ctx context.Context, getenv func(string) string) ([]byte, error) {
	failed := func(why, advice string) error {
		return &fault.Error{Kind: fault.Invalid, Param: "image", Msg: "cannot read the clipboard: " + why, Advice: advice}
	}
	list := clipboardTools(getenv)
	if list == nil {
		return nil, failed("there is none here", "Save the image to a file.")
	}
	command := clipboardCommand(getenv, func(t clipboardTool) []string { return t.image })
	if command == nil {
		return nil, failed(list[0].image[0]+" is not installed", "Install "+list[0].pkg+", or save the image to a file.")
	}
	out, err := readProgram(ctx, command, MaxImage)
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, failed("the image on it is larger than "+units.Size(MaxImage), "Copy a smaller one.")
	case err != nil || len(out) == 0:
		return nil, failed("there is no image on it", "Copy one, or name a file.")
	}
	return out, nil
}

// ClipboardText returns the text on the system's clipboard.
func ClipboardText(ctx context.Context, getenv func(string) string) (string, error) {
	command := clipboardCommand(getenv, func(t clipboardTool) []string { return t.text })
	if command == nil {
		return "", ErrNoClipboard
	}
	data, err := readProgram(ctx, command, MaxText)
	if err != nil {
		return "", err
	}
	text, _, err := Decode("the clipboard", data)
	return text, err
}

// ClipboardWriter returns a function that puts a text on the system's clipboard, nil
// where no program can.
func ClipboardWriter(getenv func(string) string) func(ctx context.Context, text string) error {
	command := clipboardCommand(getenv, func(t clipboardTool) []string { return t.writeText })
	if command == nil {
		return nil
	}
	return func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, clipboardTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(text)
		return cmd.Run()
	}
}

// readProgram returns the output of a clipboard program.
func readProgram(ctx context.Context, command []string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, clipboardTime)
	defer cancel()
	return output(exec.CommandContext(ctx, command[0], command[1:]...), limit)
}
