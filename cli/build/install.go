package build

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

const (
	module   = "github.com/bise-sh/bise"
	releases = "https://" + module + "/releases"

	maxDatabase = 64 << 20        // bytes that are read of a package manager's file
	rpmTimeout  = 2 * time.Second // for rpm to find the package of a file
)

// A Method is a way to install bise.
type Method string

// The methods that [FindInstallation] recognizes.
const (
	Cask    Method = "Homebrew cask"
	Formula Method = "Homebrew"
	Deb     Method = "deb package"
	RPM     Method = "rpm package"
	APK     Method = "apk package"
	Pacman  Method = "pacman package"
	Scoop   Method = "Scoop"
	WinGet  Method = "winget"
	Nix     Method = "Nix"
	GoTool  Method = "go install"
	Source  Method = "source tree"
	Archive Method = "archive"
	Unknown Method = "unknown"
)

// An Installation says how this copy of bise was installed.
type Installation struct {
	Method  Method `json:"method"`
	Path    string `json:"path"`              // of the program, with its links resolved
	Package string `json:"package,omitempty"` // its name for the package manager
	Update  string `json:"update"`            // how to update it: a command, or a sentence
}

// FindInstallation finds out how this program was installed, from its path, from what go recorded
// in it and from the files of package managers. It uses no network. It runs one program: rpm,
// whose database cannot be read otherwise, and only for a program in /usr.
func FindInstallation(ctx context.Context) Installation {
	exe, err := os.Executable()
	if err != nil {
		return Installation{Method: Unknown, Update: updates(Unknown, "", "")}
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	f := finder{exe: filepath.ToSlash(exe), owner: func(file string) string { return rpmOwner(ctx, file) }}
	if runtime.GOOS == "windows" {
		f.fold = strings.ToLower
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		f.main = info.Main
	}
	return f.find()
}

// A finder has what an installation is recognized by.
type finder struct {
	root  string                   // before all paths; "" except in tests
	exe   string                   // the path of the program, with slashes
	fold  func(path string) string // nil where case matters in paths
	main  debug.Module             // what go recorded about the program's module
	owner func(file string) string // the rpm package of a file, or ""
}

func (f finder) find() Installation {
	method, name, folder := f.recognize()
	return Installation{Method: method, Path: filepath.FromSlash(f.exe), Package: name, Update: updates(method, name, folder)}
}

// recognize returns the method, the name of the package where there is one, and the folder to
// update for a source tree and an archive.
func (f finder) recognize() (method Method, name, folder string) {
	if strings.HasPrefix(f.exe, "/nix/store/") {
		return Nix, "", ""
	}
	if name, ok := f.below("Caskroom"); ok {
		return Cask, name, ""
	}
	if name, ok := f.below("Cellar"); ok {
		return Formula, name, ""
	}
	if name, ok := f.below("scoop", "apps"); ok {
		return Scoop, name, ""
	}
	if name, ok := f.below("WinGet", "Packages"); ok {
		id, _, _ := strings.Cut(name, "_") // then the source's name and a hash
		return WinGet, id, ""
	}
	// Folders of package managers: /usr/local belongs to none of these.
	if strings.HasPrefix(f.exe, "/usr/") && !strings.HasPrefix(f.exe, "/usr/local/") {
		for _, db := range []struct {
			method Method
			owner  func() string
		}{
			{Deb, f.debOwner}, {Pacman, f.pacmanOwner}, {APK, f.apkOwner}, {RPM, f.rpmOwner},
		} {
			if name := db.owner(); name != "" {
				return db.method, name, ""
			}
		}
	}
	if f.main.Path == module && f.main.Sum != "" { // from a module proxy; a checkout has no checksum
		return GoTool, "", ""
	}
	above := path.Dir(f.exe)
	for _, dir := range []string{above, path.Dir(above)} {
		if line := f.firstLine(dir + "/go.mod"); line == "module "+module {
			return Source, "", dir
		}
	}
	if prefix := path.Dir(above); path.Base(above) == "bin" {
		for _, part := range []string{"lib/bise", "share/doc/bise"} {
			if info, err := os.Stat(f.root + path.Join(prefix, part)); err == nil && info.IsDir() {
				return Archive, "", prefix
			}
		}
	}
	return Unknown, "", ""
}

// below returns the name of the folder that follows the named ones in the program's path.
func (f finder) below(folders ...string) (name string, ok bool) {
	equal := func(a, b string) bool {
		return a == b || f.fold != nil && f.fold(a) == f.fold(b)
	}
	parts := strings.Split(f.exe, "/")
	for i := range len(parts) - len(folders) - 1 { // the program itself is not a folder
		if slices.EqualFunc(parts[i:i+len(folders)], folders, equal) {
			return parts[i+len(folders)], true
		}
	}
	return "", false
}

// lines calls yield with each line of a file until yield returns false.
func (f finder) lines(name string, yield func(line string) bool) {
	file, err := os.Open(f.root + name)
	if err != nil {
		return
	}
	defer file.Close()
	for s := bufio.NewScanner(io.LimitReader(file, maxDatabase)); s.Scan() && yield(s.Text()); {
	}
}

func (f finder) firstLine(name string) (first string) {
	f.lines(name, func(line string) bool {
		first = line
		return false
	})
	return first
}

func (f finder) hasLine(name, want string) (found bool) {
	f.lines(name, func(line string) bool {
		found = line == want
		return !found
	})
	return found
}

// debOwner looks into dpkg's lists of files: info/bise.list, or info/bise:amd64.list.
func (f finder) debOwner() string {
	const dir = "/var/lib/dpkg/info/"
	lists, _ := filepath.Glob(f.root + dir + "bise*.list")
	for _, list := range lists {
		base := filepath.Base(list)
		if f.hasLine(dir+base, f.exe) {
			name, _, _ := strings.Cut(strings.TrimSuffix(base, ".list"), ":")
			return name
		}
	}
	return ""
}

// pacmanOwner looks into pacman's lists of files: local/bise-1.0.0-1/files.
func (f finder) pacmanOwner() string {
	const dir = "/var/lib/pacman/local/"
	lists, _ := filepath.Glob(f.root + dir + "bise*/files")
	for _, list := range lists {
		base := filepath.Base(filepath.Dir(list))
		if !f.hasLine(dir+base+"/files", strings.TrimPrefix(f.exe, "/")) {
			continue
		}
		for range 2 { // the version and the release
			if i := strings.LastIndexByte(base, '-'); i > 0 {
				base = base[:i]
			}
		}
		return base
	}
	return ""
}

// apkOwner looks into apk's database: P: names a package, F: a folder, R: a file in it.
func (f finder) apkOwner() (owner string) {
	folder, file := path.Split(strings.TrimPrefix(f.exe, "/"))
	folder = strings.TrimSuffix(folder, "/")
	for _, db := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		var name, at string
		f.lines(db, func(line string) bool {
			key, value, _ := strings.Cut(line, ":")
			switch key {
			case "P":
				name = value
			case "F":
				at = value
			case "R":
				if at == folder && value == file {
					owner = name
				}
			}
			return owner == ""
		})
	}
	return owner
}

// rpmOwner asks rpm, where it has a database.
func (f finder) rpmOwner() string {
	for _, dir := range []string{"/usr/lib/sysimage/rpm", "/var/lib/rpm"} {
		if names, _ := filepath.Glob(f.root + dir + "/*"); len(names) > 0 {
			return f.owner(f.exe)
		}
	}
	return ""
}

func rpmOwner(ctx context.Context, file string) string {
	ctx, cancel := context.WithTimeout(ctx, rpmTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "rpm", "-qf", "--queryformat", "%{NAME}\n", file).Output()
	name, _, _ := strings.Cut(string(out), "\n")
	if err != nil || !strings.HasPrefix(name, "bise") || len(name) > 100 {
		return ""
	}
	return name
}

// updates says how to update an installation.
func updates(method Method, name, folder string) string {
	fetch := "install the new package of " + releases + ": "
	switch method {
	case Cask:
		return "brew upgrade --cask " + name
	case Formula:
		return "brew upgrade " + name
	case Deb:
		return fetch + "sudo apt install ./FILE.deb"
	case RPM:
		return fetch + "sudo dnf install ./FILE.rpm"
	case APK:
		return fetch + "apk add --allow-untrusted ./FILE.apk"
	case Pacman:
		return fetch + "sudo pacman -U FILE.pkg.tar.zst"
	case Scoop:
		return "scoop update " + name
	case WinGet:
		return "winget upgrade " + name
	case Nix:
		return "nix profile upgrade bise, or rebuild the configuration that names it"
	case GoTool:
		return "go install " + module + "@latest"
	case Source:
		return "git pull && make build, in " + filepath.FromSlash(folder)
	case Archive:
		return "unpack the new archive of " + releases + " over " + filepath.FromSlash(folder)
	}
	return "as you installed it; new versions are at " + releases
}
