#!/usr/bin/env bash
# Runs every test, in the environment that `native.sh exec` sets.
#
# What links llama.cpp is tested without the race detector, which would have all of its C++ compiled
# a second time (`make race` does that); everything else with it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

# step says what it runs and how long that took.
step() {
	local start=$SECONDS status=0
	say "== $1"
	shift
	"$@" || status=$?
	say "   $(took $start)"
	return $status
}

step "vet" go vet ./...
# Without cgo everything but the engine in C must work, and for Windows it must at least compile.
step "vet without cgo" env CGO_ENABLED=0 go vet ./...
step "vet for macOS" env CGO_ENABLED=0 GOOS=darwin go vet ./...
step "vet for Windows" env CGO_ENABLED=0 GOOS=windows go vet ./...

# A line for each test program: its package, then all that it is made of.
programs="$(go list -test -f '{{if eq .Name "main"}}{{.ImportPath}}{{range .Deps}} {{.}}{{end}}{{end}}' ./... | grep '^[^ ]*\.test ')"
llama="$(grep ' github.com/ollama/ollama/llama\( \|$\)' <<<"$programs" | sed 's/\.test .*//' || true)"
pure="$(grep -v ' github.com/ollama/ollama/llama\( \|$\)' <<<"$programs" | sed 's/\.test .*//' || true)"
failed=
# shellcheck disable=SC2086 # package names have no spaces
[ -z "$pure" ] || step "tests with the race detector" go test -race $pure || failed=yes
# shellcheck disable=SC2086
[ -z "$llama" ] || step "tests of what links llama.cpp" go test $llama || failed=yes
[ -z "$failed" ]
