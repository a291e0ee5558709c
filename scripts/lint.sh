#!/usr/bin/env bash
# Checks formatting, vets everything, and checks that it compiles for other systems and without cgo. Runs in
# the environment that `native.sh exec` sets.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

formatted() {
	local files
	files="$(go tool gofumpt -l .)"
	[ -z "$files" ] || die "not formatted by gofumpt:" "$files"
}

# files prints a line for each Go file that a build has: its package and its name.
files() {
	local each='{{$p := .ImportPath}}' list
	for list in GoFiles CgoFiles TestGoFiles XTestGoFiles; do
		each="$each{{range .$list}}{{\$p}} {{.}}{{\"\\n\"}}{{end}}"
	done
	env "$@" go list -f "$each" ./... | sed '/^$/d' | sort
}

step "gofumpt" formatted
step "vet" go vet ./...
step "staticcheck" go tool staticcheck ./...

# go vet compiles all dependencies first, which takes minutes for a system that is not this one. So types are
# checked from source, and only packages with files that are not built here are vetted as well.
step "types without cgo, for macOS and for Windows" go run ./scripts/typecheck \
	CGO_ENABLED=0 CGO_ENABLED=0,GOOS=darwin CGO_ENABLED=0,GOOS=windows
here="$(files CGO_ENABLED=1)"
for other in linux darwin windows; do
	packages="$(comm -13 <(echo "$here") <(files CGO_ENABLED=0 GOOS=$other) | cut -d' ' -f1 | uniq)"
	# shellcheck disable=SC2086 # package names have no spaces
	[ -z "$packages" ] || step "vet what only $other without cgo has" env CGO_ENABLED=0 GOOS=$other go vet $packages
done
