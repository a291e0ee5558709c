#!/usr/bin/env bash
# Runs every test, in the environment that `native.sh exec` sets.
#
# The race detector makes tests several times slower, so it is used where something runs at the same time: in
# packages that start goroutines, lock, or serve HTTP, themselves or in their tests. What links llama.cpp is
# tested without it, because its C++ would be compiled a second time. `make race` uses it everywhere.
# go test does not vet, because scripts/lint.sh does.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

concurrent='^[[:space:]]*go [a-zA-Z_(]|\.Go\(|[[:space:]]chan[[:space:]]|"sync"|"sync/atomic"|"golang.org/x/sync|"testing/synctest"|"net/http|\.Parallel\(\)'

# A line for each test program: its package, then all that it consists of.
programs="$(go list -test -f '{{if eq .Name "main"}}{{.ImportPath}}{{range .Deps}} {{.}}{{end}}{{end}}' ./... | grep '^[^ ]*\.test ')"
llama=" $(grep ' github.com/ollama/ollama/llama\( \|$\)' <<<"$programs" | sed 's/\.test .*//' | tr '\n' ' ')"
race= plain=
while read -r package dir; do
	case "$llama" in
	*" $package "*) plain="$plain $package" ;;
	*) if grep -qE "$concurrent" "$dir"/*.go; then race="$race $package"; else plain="$plain $package"; fi ;;
	esac
done <<<"$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | sed '/^$/d')"

failed=
# shellcheck disable=SC2086 # package names have no spaces
step "tests with the race detector" go test -vet=off -race $race || failed=yes
# shellcheck disable=SC2086
step "tests without it" go test -vet=off $plain || failed=yes
[ -z "$failed" ]
