#!/usr/bin/env bash
# Installs what building bise needs and this machine lacks, with its own package manager: a C++
# compiler, CMake, Ninja, two header libraries and git. It says what it does before it does it, and
# does nothing, without touching the network, when nothing is missing.
#
# usage: setup.sh             what the build needs
#        setup.sh starter     what fetching the starter model needs: Python with pip
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

need_go() {
	local want version
	want="$(sed -n 's/^go 1\.\([0-9]*\).*/\1/p' go.mod)"
	have go || die "Go is not installed." "Install Go 1.$want or later from https://go.dev/dl, then run this again."
	# An older go fetches the newer one by itself and then says that one's version, unless it was
	# told not to.
	version="$(go env GOVERSION)"
	version="${version#go1.}"
	version="${version%%[!0-9]*}"
	[ "${version:-0}" -ge "$want" ] || die "Go 1.$version cannot build bise, which needs Go 1.$want or later." "Install it from https://go.dev/dl, then run this again."
}

# missing prints, one a line, what is not there, as "name=what for".
missing() {
	if [ "$1" = starter ]; then
		python3 -m pip --version >/dev/null 2>&1 || echo "pip=to fetch the starter model"
		return
	fi
	local compiler=yes
	echo 'int main() { return 0; }' | "$(cxx)" -std=c++17 -x c++ -o /dev/null - >/dev/null 2>&1 || compiler=
	# cgo calls the C compiler by the name it was built with, CMake by cc.
	if [ -z "$compiler" ] || ! have "$(go env CC)" || ! have "${CC:-cc}"; then echo "compiler=to build llama.cpp"; fi
	have cmake || echo "cmake=to build llama.cpp's backends"
	have ninja || echo "ninja=to build llama.cpp's backends"
	have git || echo "git=to know the version that is built"
	# Without a compiler nobody can say where headers are.
	if [ -z "$compiler" ] || [ -z "$(header nlohmann/json.hpp)" ]; then echo "json=a header that llama.cpp needs"; fi
	if [ -z "$compiler" ] || [ -z "$(header stb/stb_image.h)" ]; then echo "stb=a header that llama.cpp needs"; fi
}

# package prints the name of what is missing in a manager's words: nothing where there is no package.
package() {
	[ -n "$1" ] || return 0
	case "$1-$2" in
	*-cmake | *-git) echo "$2" ;;
	apt-get-compiler) echo "g++" ;;
	dnf-compiler) echo "gcc-c++" ;;
	pacman-compiler) echo "gcc" ;;
	apt-get-ninja | dnf-ninja) echo "ninja-build" ;;
	pacman-ninja | brew-ninja) echo "ninja" ;;
	apt-get-json) echo "nlohmann-json3-dev" ;;
	dnf-json) echo "json-devel" ;;
	pacman-json | brew-json) echo "nlohmann-json" ;;
	apt-get-stb) echo "libstb-dev" ;;
	dnf-stb) echo "stb-devel" ;;
	pacman-stb) echo "stb" ;;
	apt-get-pip | dnf-pip) echo "python3-pip" ;;
	pacman-pip) echo "python-pip" ;;
	brew-pip) echo "python" ;;
	esac
}

install() {
	local manager="$1" root=
	shift
	if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
		have sudo || die "cannot install $* without being root: there is no sudo." "Ask an administrator to run: $manager $([ "$manager" = pacman ] && echo -S || echo install) $*"
		root=sudo
		[ -t 0 ] || root="sudo -n" # nobody is there to type a password
	fi
	case "$manager" in
	apt-get)
		$root env DEBIAN_FRONTEND=noninteractive apt-get -q update
		$root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
		;;
	dnf) $root dnf install -y "$@" ;;
	pacman) $root pacman -S --needed --noconfirm "$@" ;;
	brew) brew install "$@" ;;
	esac >&2 || die "$manager could not install $*." "Install them in another way, then run this again."
}

need_go
lacking="$(missing "${1:-}")"
[ -n "$lacking" ] || exit 0

manager=
for m in apt-get dnf pacman brew; do
	if have $m; then
		manager=$m
		break
	fi
done

packages=() unpackaged=
while IFS='=' read -r name why; do
	p="$(package "$manager" "$name")"
	if [ -n "$p" ]; then
		say "missing: $p, $why"
		packages+=("$p")
	elif [ "$name" != stb ]; then # which native.sh can fetch with git
		unpackaged="$unpackaged $name"
	fi
done <<<"$lacking"

case "$manager$unpackaged" in
brew*compiler*) die "Apple's command line tools are not installed." "Run: xcode-select --install" ;;
*' '*)
	die "no package manager that bise knows (apt-get, dnf, pacman, brew) is here to install what is missing:$unpackaged." \
		"Install a C++17 compiler, CMake 3.21 or later, Ninja, git, nlohmann/json.hpp and stb/stb_image.h (Python 3 with pip for the starter model), then run this again."
	;;
esac
[ "${#packages[@]}" -gt 0 ] || exit 0
say "installing with $manager: ${packages[*]}"
install "$manager" "${packages[@]}"

# Only believe what can be seen: a package may be installed and yet not be found.
while IFS='=' read -r name why; do
	[ -z "$name" ] || [ "$name" = stb ] || die "$name is still not found after $manager installed ${packages[*]}." "Open a new shell, or put it on the PATH, then run this again."
done <<<"$(missing "${1:-}")"
