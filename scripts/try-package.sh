#!/usr/bin/env bash
# Tries a package of a release as a user would, in a system that can be thrown away (a container or a chroot):
# installs it, runs it, and removes it. It changes the system, so it asks for a word.
#
# usage: try-package.sh PACKAGE [OLDER] [MODEL] --in-a-throwaway-system
#
# PACKAGE is a .deb, .rpm, .apk, .pkg.tar.zst or .tar.gz. OLDER is an older one, which is installed first. MODEL is
# a GGUF file, which is imported and asked something.
set -euo pipefail

fail() {
	echo "try-package: $*" >&2
	exit 1
}

[ "${*: -1}" = --in-a-throwaway-system ] || fail "usage: try-package.sh PACKAGE [OLDER] [MODEL] --in-a-throwaway-system"
package='' older='' model=''
for arg in "${@:1:$#-1}"; do
	case "$arg" in
	*.gguf) model="$arg" ;;
	*) if [ -z "$package" ]; then package="$arg"; else older="$arg"; fi ;;
	esac
done
[ -e "$package" ] || fail "there is no $package"

export HOME="${HOME:-/root}" DEBIAN_FRONTEND=noninteractive PATH="/usr/local/bin:$PATH"

add() {
	case "$1" in
	*.deb) if apt-get --version >/dev/null 2>&1; then apt-get -qq install -y --no-install-recommends --allow-downgrades "$(realpath "$1")"; else dpkg -i "$1"; fi ;;
	*.rpm) if dnf --version >/dev/null 2>&1; then dnf -q install -y "$1"; else rpm -U "$1"; fi ;;
	*.apk) apk add --allow-untrusted "$1" ;;
	*.pkg.tar.zst) pacman -U --noconfirm "$1" ;;
	*.tar.gz)
		tar -tzf "$1" | grep -v '/$' >/tmp/bise-files
		tar -C /usr/local -xzf "$1" --no-same-owner
		;;
	*) fail "unknown kind of package: $1" ;;
	esac
}

remove() {
	case "$1" in
	*.deb) dpkg -P bise ;;
	*.rpm) rpm -e bise ;;
	*.apk) apk del bise ;;
	*.pkg.tar.zst) pacman -R --noconfirm bise ;;
	*.tar.gz) sed 's,^,/usr/local/,' /tmp/bise-files | xargs rm -f && find /usr/local -depth -type d -name bise -exec rmdir {} + ;;
	esac
}

# is fails unless a command's output has a text.
is() {
	local want="$1" got
	shift
	got="$("$@" 2>&1)" || [ "$1 ${2:-}" = "bise doctor" ] || fail "$* exits with $?: $got"
	case "$got" in
	*"$want"*) echo "ok: $*" ;;
	*) fail "$*: want \"$want\" in: $got" ;;
	esac
}

prefix=/usr
[[ "$package" != *.tar.gz ]] || prefix=/usr/local

if [ -n "$older" ]; then
	add "$older"
	echo "ok: install $older: $(bise version | head -n 1)"
	[ -z "$model" ] || bise import "$model" --name tried
fi
add "$package"
echo "ok: install $package"
bise version
is "$(bise version | head -n 1)" bise --version
is "/bise" bise doctor
bise doctor || true
if [ -n "$model" ]; then
	[ -n "$older" ] || bise import "$model" --name tried
	is tried bise list
	echo "> Say hello."
	bise ask -m tried --temperature 0 --max-tokens 16 "Say hello." || fail "bise ask failed"
	bise stop || true
fi

if [ "$prefix" = /usr ]; then
	for file in bash-completion/completions/bise zsh/site-functions/_bise fish/vendor_completions.d/bise.fish; do
		[ -s "$prefix/share/$file" ] || fail "$prefix/share/$file is missing"
	done
	bash=$prefix/share/bash-completion/completions/bise
else
	bash=$prefix/share/completions/bise.bash
fi
bash -n "$bash" || fail "$bash is no script"
is "catalog" bise __complete cat
if command -v man >/dev/null; then
	for page in bise bise-ask bise-history-search; do is NAME man -P cat "$page"; done
else
	[ "$(gzip -dc "$prefix/share/man/man1/bise.1.gz" | head -c 3)" = .TH ] || fail "no manual page"
	echo "ok: manual pages ($(find "$prefix/share/man/man1" -name 'bise*' | wc -l)); no man here to show them"
fi

data="$(find "$HOME/.local/share/bise" "$HOME/.config/bise" -type f 2>/dev/null | sort || true)"
remove "$package"
hash -r
! command -v bise >/dev/null || fail "bise is still there: $(command -v bise)"
left="$(find /usr /etc /opt -name '*bise*' 2>/dev/null || true)"
[ -z "$left" ] || fail "left behind: $left"
[ "$data" = "$(find "$HOME/.local/share/bise" "$HOME/.config/bise" -type f 2>/dev/null | sort || true)" ] || fail "files of the user are gone"
echo "ok: removed; $(echo "$data" | sed '/^$/d' | wc -l) files of the user are kept"
