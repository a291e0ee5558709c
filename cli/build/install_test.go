package build

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestFindInstallation(t *testing.T) {
	const dpkg, pacman, apk = "/var/lib/dpkg/info/", "/var/lib/pacman/local/", "/lib/apk/db/installed"
	for _, c := range []struct {
		name, exe string
		files     map[string]string
		sum       string // of the module
		method    Method
		pack      string
		update    string // is part of it
	}{
		{name: "cask on Apple silicon", exe: "/opt/homebrew/Caskroom/bise/0.1.0/bin/bise", method: Cask, pack: "bise", update: "brew upgrade --cask bise"},
		{name: "cask on Linux", exe: "/home/linuxbrew/.linuxbrew/Caskroom/bise/0.1.0/bin/bise", method: Cask, pack: "bise", update: "brew upgrade --cask bise"},
		{name: "formula", exe: "/usr/local/Cellar/bise/0.1.0/bin/bise", method: Formula, pack: "bise", update: "brew upgrade bise"},
		{
			name: "deb", exe: "/usr/bin/bise", method: Deb, pack: "bise", update: "apt install",
			files: map[string]string{dpkg + "bise.list": "/.\n/usr\n/usr/bin\n/usr/bin/bise\n"},
		},
		{
			name: "deb with an architecture", exe: "/usr/bin/bise", method: Deb, pack: "bise-cuda", update: "apt install",
			files: map[string]string{dpkg + "bise-cuda:amd64.list": "/usr/bin/bise\n"},
		},
		{
			name: "another program's deb", exe: "/usr/bin/bise", method: Unknown, update: "releases",
			files: map[string]string{dpkg + "bise-doc.list": "/usr/share/doc/bise\n"},
		},
		{
			name: "rpm", exe: "/usr/bin/bise", method: RPM, pack: "bise", update: "dnf install",
			files: map[string]string{"/usr/lib/sysimage/rpm/rpmdb.sqlite": "x"},
		},
		{
			name: "apk", exe: "/usr/bin/bise", method: APK, pack: "bise", update: "apk add",
			files: map[string]string{apk: "P:busybox\nF:bin\nR:bise\n\nP:bise\nV:0.1.0\nF:usr/bin\nR:bise\nZ:Q1\n"},
		},
		{
			name: "pacman", exe: "/usr/bin/bise", method: Pacman, pack: "bise-bin", update: "pacman -U",
			files: map[string]string{pacman + "bise-bin-0.1.0-1/files": "%FILES%\nusr/\nusr/bin/\nusr/bin/bise\n"},
		},
		{name: "Scoop", exe: "C:/Users/ann/scoop/apps/bise/current/bise.exe", method: Scoop, pack: "bise", update: "scoop update bise"},
		{name: "winget", exe: "C:/Users/ann/AppData/Local/Microsoft/winget/packages/bise-sh.bise_Microsoft.Winget.Source_8wekyb3d8bbwe/bise.exe", method: WinGet, pack: "bise-sh.bise", update: "winget upgrade bise-sh.bise"},
		{name: "Nix", exe: "/nix/store/0c5b1f4e7d2-bise-0.1.0/bin/bise", method: Nix, update: "nix profile upgrade"},
		{name: "go install", exe: "/home/ann/go/bin/bise", sum: "h1:abc=", method: GoTool, update: "go install " + module + "@latest"},
		{
			name: "make build", exe: "/home/ann/bise/bin/bise", method: Source, update: "git pull && make build, in /home/ann/bise",
			files: map[string]string{"/home/ann/bise/go.mod": "module " + module + "\n", "/home/ann/bise/lib/bise/x": ""},
		},
		{
			name: "go build", exe: "/home/ann/bise/bise", method: Source, update: "in /home/ann/bise",
			files: map[string]string{"/home/ann/bise/go.mod": "module " + module + "\n"},
		},
		{
			name: "bin in another source tree", exe: "/home/ann/other/bin/bise", method: Unknown, update: "releases",
			files: map[string]string{"/home/ann/other/go.mod": "module example.org/other\n"},
		},
		{
			name: "archive in /usr/local", exe: "/usr/local/bin/bise", method: Archive, update: "over /usr/local",
			files: map[string]string{"/usr/local/lib/bise/libggml-cpu.so": "", dpkg + "bise.list": "/usr/bin/bise\n"},
		},
		{
			name: "archive without an engine", exe: "/home/ann/.local/bin/bise", method: Archive, update: "over /home/ann/.local",
			files: map[string]string{"/home/ann/.local/share/doc/bise/LICENSE": ""},
		},
		{name: "copied", exe: "/home/ann/bin/bise", method: Unknown, update: "as you installed it"},
		{name: "a folder named like a program", exe: "/home/ann/Caskroom", method: Unknown, update: "as you installed it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f := finder{root: root, exe: c.exe, main: debug.Module{Path: module, Sum: c.sum}, owner: func(string) string { return "bise" }}
			if strings.HasPrefix(c.exe, "C:") {
				f.fold = strings.ToLower
			}
			got := f.find()
			if got.Method != c.method || got.Package != c.pack || !strings.Contains(got.Update, c.update) {
				t.Errorf("found %+v; want %s, package %q, update with %q", got, c.method, c.pack, c.update)
			}
		})
	}
}

// Whoever asks how to update it reads a sentence, for every method.
func TestEveryMethodHasAnUpdate(t *testing.T) {
	fallback := updates(Unknown, "", "")
	for _, m := range []Method{Cask, Formula, Deb, RPM, APK, Pacman, Scoop, WinGet, Nix, GoTool, Source, Archive} {
		if got := updates(m, "bise", "/opt"); got == fallback {
			t.Errorf("%s has no update of its own", m)
		}
	}
}
