package vision

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"time"

	"github.com/bise-sh/bise/fault"
)

// clipboardTime is how long a program of the system's clipboard may take.
const clipboardTime = 5 * time.Second

// clipboardProgram is the command that prints the picture on the clipboard, and what
// to install for it: for Wayland, X, macOS and Windows. It is nil where there is no
// clipboard: over ssh, that of the machine is not the person's.
func clipboardProgram(getenv func(string) string) (command []string, from string) {
	switch {
	case getenv("SSH_CONNECTION") != "":
		return nil, ""
	case runtime.GOOS == "darwin":
		return []string{"pngpaste", "-"}, "pngpaste"
	case runtime.GOOS == "windows" || getenv("WSL_DISTRO_NAME") != "":
		return []string{"powershell.exe", "-NoProfile", "-Command", windowsClipboard}, "PowerShell"
	case getenv("WAYLAND_DISPLAY") != "":
		return []string{"wl-paste", "--type", "image/png"}, "wl-clipboard"
	case getenv("DISPLAY") != "":
		return []string{"xclip", "-selection", "clipboard", "-t", "image/png", "-o"}, "xclip"
	}
	return nil, ""
}

const windowsClipboard = "$i=Get-Clipboard -Format Image; if ($i) { $m=New-Object IO.MemoryStream; $i.Save($m,[Drawing.Imaging.ImageFormat]::Png); $o=[Console]::OpenStandardOutput(); $o.Write($m.ToArray(),0,$m.Length) }"

// Clipboard gives the file of the picture on the system's clipboard, which a program
// of the system prints.
func Clipboard(ctx context.Context, getenv func(string) string) ([]byte, error) {
	command, from := clipboardProgram(getenv)
	if command == nil {
		return nil, noClipboard("there is none here", "Save the picture to a file.")
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, noClipboard(command[0]+", which reads it, is not installed", "Install "+from+", or save the picture to a file.")
	}
	ctx, cancel := context.WithTimeout(ctx, clipboardTime)
	defer cancel()
	out, err := output(exec.CommandContext(ctx, path, command[1:]...), MaxFile)
	switch {
	case errors.Is(err, errTooMuch):
		return nil, noClipboard("the picture on it is too large", "Copy a smaller one.")
	case err != nil || len(out) == 0:
		return nil, noClipboard("there is no picture on it", "Copy one, or name a file.")
	}
	return out, nil
}

func noClipboard(why, advice string) error {
	return &fault.Error{Kind: fault.Invalid, Param: "image", Msg: "cannot read the clipboard: " + why, Advice: advice}
}
