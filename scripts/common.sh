# shellcheck shell=bash
# Sourced by the other scripts, which run in bash 3.2 and later (macOS has no newer one).

say() { printf '%s\n' "$*" >&2; }

die() {
	say "bise: $1"
	shift
	for line in "$@"; do say "$line"; done
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# sha256 prints the checksum of its standard input.
sha256() {
	if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

# took prints the seconds since a value of SECONDS, in words.
took() {
	local s=$((SECONDS - $1))
	if [ "$s" -lt 100 ]; then echo "$s s"; else echo "$(((s + 30) / 60)) min"; fi
}

# step says what it runs and how long that took.
step() {
	local start=$SECONDS status=0
	say "== $1"
	shift
	"$@" || status=$?
	say "   $(took $start)"
	return $status
}

# cxx is the compiler that cgo and CMake will use.
cxx() { echo "${CXX:-c++}"; }

# header prints the path of a C++ header on the compiler's path, Homebrew's included: nothing when it
# is not there.
header() {
	local brew=
	if have brew; then brew="$(brew --prefix)"; fi
	# The rule for make that the compiler writes names the file it found.
	echo "#include <$1>" | "$(cxx)" -x c++ -std=c++17 ${brew:+"-I$brew/include"} -M - 2>/dev/null |
		tr ' ' '\n' | sed -n "s,^/.*/$1\$,&,p" | head -n 1 || true
}
