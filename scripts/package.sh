#!/usr/bin/env bash
# Makes the folders that a release is packed from. cgo and llama.cpp's backends need each system's own compiler,
# so each machine makes its own folder, and one machine packs all of them (.goreleaser.yaml).
#
#   build/release/<system>-<processor>[-cuda]/
#     bin/bise  lib/bise/  share/doc/bise/  share/man/man1/  share/completions/
#
# usage: package.sh tree           make the folder of this machine, and a tar file of it to move to another one.
#                                  Runs in the environment that `native.sh exec` sets
#        package.sh needs DIR      print what a folder's program and backends need of a Linux system
#        package.sh version        print the version: the tag of this commit, or that of the next release with
#                                  the number of commits, such as 0.1.1-pre812
#        package.sh check          check that the folders of all machines are there and of this version
#        package.sh notes VERSION  print the section of CHANGELOG.md about a version
#
# BACKENDS=cuda makes a folder that has NVIDIA's backend too. It goes into an archive of its own.
#
# Two builds of one commit by the same compiler are equal, byte by byte: paths of this machine are left out, and
# times are those of the commit.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

# What a release needs; CUDA's is made where there is a machine for it.
machines="linux-amd64 linux-arm64 darwin-amd64 darwin-arm64"

version() {
	local tag
	if tag="$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null)"; then
		echo "${tag#v}"
		return
	fi
	if tag="$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null)"; then
		tag="${tag#v}"
		tag="${tag%%-*}"
		tag="${tag%.*}.$((${tag##*.} + 1))"
	fi
	echo "${tag:-0.1.0}-pre$(git rev-list --count HEAD)"
}

# manuals writes a page for bise and each of its commands, as their own help lists them.
manuals() {
	local bise="$1" dir="$2" name page
	mkdir -p "$dir"
	"$bise" man >"$dir/bise.1"
	# A page names its subcommands in SEE ALSO, which is its end.
	local todo=(bise) at=0
	while [ $at -lt ${#todo[@]} ]; do
		page="${todo[at]}"
		at=$((at + 1))
		while read -r name; do
			case "$name" in
			"$page"-*) ;;
			*) continue ;; # its parent
			esac
			# shellcheck disable=SC2046 # a command with its subcommands is several words
			"$bise" man $(echo "${name#bise-}" | tr - ' ') >"$dir/$name.1"
			todo+=("$name")
		done < <(sed -n '/^\.SH SEE ALSO/,$p' "$dir/$page.1" | sed -n 's/^\\fB\(.*\)\\fR(1),\{0,1\}$/\1/p' | sed 's/\\-/-/g')
	done
	gzip -9n "$dir"/*.1
}

# listed compares the pages with those that the cask lists, which cannot say "all".
listed() {
	local want have
	want="$(cd "$1" && printf '%s\n' share/man/man1/*.1.gz | sort)"
	have="$(sed -n 's,^ *- \(share/man/man1/.*\)$,\1,p' .goreleaser.yaml | sort)"
	[ "$want" = "$have" ] || die "the manpages in .goreleaser.yaml are not those of bise:" "$(diff <(echo "$have") <(echo "$want") || true)"
}

# needs prints libraries and the newest version of each one's symbols: the dependencies of packages.
needs() {
	find "$1" -type f \( -path '*/bin/bise' -o -name '*.so*' \) -exec objdump -p {} + |
		sed -n -e 's/^ *NEEDED *//p' -e 's/^ *0x[0-9a-f]* 0x[0-9a-f]* [0-9]* \(G[A-Z]*_[0-9.]*\)$/\1/p' | sort -uV
}

# promised compares the newest symbols that a folder needs with the dependencies of packages.
promised() {
	local library newest
	for library in GLIBC GLIBCXX; do
		newest="$(needs "$1" | grep "^${library}_" | tail -n 1)"
		grep -q "($newest)" .goreleaser.yaml || die "this needs $newest, and the dependencies in .goreleaser.yaml do not say so." "Release from a system as old as Debian 12, or change them."
	done
}

notes() {
	local found
	found="$(awk -v v="[$1]" '/^## / { on = index($0, v) } on && !/^## /' CHANGELOG.md | sed -e '/./,$!d')"
	[ -n "$found" ] || die "CHANGELOG.md has no section ## [$1]."
	printf '%s\n' "$found"
}

completions() {
	local bise="$1" dir="$2"
	mkdir -p "$dir"
	"$bise" completion bash >"$dir/bise.bash"
	"$bise" completion zsh >"$dir/_bise"
	"$bise" completion fish >"$dir/bise.fish"
	"$bise" completion powershell >"$dir/bise.ps1"
}

tree() {
	local name dir v when include start=$SECONDS
	name="$(go env GOOS)-$(go env GOARCH)"
	[ "${BACKENDS:-}" != cuda ] || name="$name-cuda"
	dir="build/release/$name"
	v="$(version)"
	rm -rf "$dir" "$dir.tar"
	mkdir -p "$dir/bin" "$dir/share/doc/bise"

	# The headers that native.sh supplies are outside of what -trimpath knows.
	include="$(dirname "$(scripts/native.sh lib)")/include"
	export CGO_CFLAGS="$CGO_CFLAGS -ffile-prefix-map=$include=include"
	export CGO_CXXFLAGS="$CGO_CXXFLAGS -ffile-prefix-map=$include=include"
	say "building bise $v for $name"
	# Position-independent, which is what lets the system put the program at a random address.
	CGO_ENABLED=1 go build -buildmode=pie -trimpath -ldflags "-s -w -X github.com/bise-sh/bise/cli/build.version=v$v" -o "$dir/bin/bise" .
	scripts/native.sh copy "$dir/lib/bise"
	if have strip && [ "$(go env GOOS)" = linux ]; then
		find "$dir/lib/bise" -name '*.so*' -exec strip --strip-unneeded {} +
	fi
	if [ "$(go env GOOS)" = linux ]; then
		promised "$dir"
		# Not the one of CUDA, whose compiler has flags of its own.
		go run ./scripts/hardening -pie "$dir/bin/bise" "$dir"/lib/bise/libggml-{base,cpu}* >&2
	fi
	echo "bise $v, $name" >"$dir/lib/bise/packed.txt" # the folder is never empty, and check reads it

	cp LICENSE NOTICE README.md CHANGELOG.md THIRD_PARTY_NOTICES.txt "$dir/share/doc/bise/"
	manuals "$dir/bin/bise" "$dir/share/man/man1"
	listed "$dir"
	completions "$dir/bin/bise" "$dir/share/completions"
	chmod -R u=rwX,go=rX "$dir"
	# Packages keep the times of files and folders.
	when="$(TZ=UTC0 git log -1 --format=%cd --date=format-local:%Y%m%d%H%M.%S)"
	find "$dir" -depth -exec env TZ=UTC0 touch -t "$when" {} +
	tar -C build/release -cf "$dir.tar" "$name"
	say "$dir ($(took $start))"
}

check() {
	local v name found
	v="$(version)"
	for name in $machines; do
		found="$(cat "build/release/$name/lib/bise/packed.txt" 2>/dev/null || echo nothing)"
		[ "$found" = "bise $v, $name" ] || die "build/release/$name is not of version $v: it has $found." "Run make package on such a machine, and unpack its tar file in build/release."
	done
}

case "${1:-}" in
tree) tree ;;
version) version ;;
check) check ;;
needs) needs "$2" ;;
notes) notes "$2" ;;
*) die "usage: package.sh tree|needs DIR|version|check|notes VERSION" ;;
esac
