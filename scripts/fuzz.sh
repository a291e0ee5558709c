#!/usr/bin/env bash
# Runs each fuzz test for a time, one after the other, and prints how often it ran:
#   scripts/fuzz.sh                          each for ten minutes
#   scripts/fuzz.sh 20s                      each for 20 seconds
#   scripts/fuzz.sh 1h ./tui/... FuzzHands   one of them
#   PART=2/4 scripts/fuzz.sh                 the second quarter of them
# go test keeps a failing input in testdata/fuzz; the exit code is then 1. A test that runs fewer than
# 250 times a second of processor time finds little: it is marked as slow.
#
# Go may take a minute to minimize each input that reaches new code, and where goroutines or a database
# decide what is reached, it does nothing else. So it gets 100 runs for that.
#
# Runs in the environment that `native.sh exec` sets; without cgo, the tests of llama.cpp are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

time="${1:-10m}" packages="${2:-./...}" only="${3:-^Fuzz}"
part="${PART:-1/1}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cache="$(go env GOCACHE)/fuzz"
TIMEFORMAT='%U %S'

# run runs one fuzz test of the program $work/test, in the folder of its package.
run() {
	local package="$1" dir="$2" name="$3" status=ok cpu execs
	cpu="$({ time (
		cd "$dir"
		"$work/test" -test.run='^$' -test.fuzz="^$name\$" -test.fuzztime="$time" -test.fuzzminimizetime=100x \
			-test.fuzzcachedir="$cache/$package" >"$work/out" 2>&1 </dev/null
	) || echo failed >"$work/failed"; } 2>&1)"
	execs="$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$work/out" | tail -n 1)"
	if [ -e "$work/failed" ]; then
		rm "$work/failed"
		failed=yes status=FAILED
	elif ! awk -v execs="${execs:-0}" -v cpu="$cpu" 'BEGIN { split(cpu, s); exit execs < 250 * (s[1] + s[2]) }'; then
		status=slow
	fi
	awk -v execs="${execs:-0}" -v cpu="$cpu" -v status="$status" -v of="${dir#"$PWD"}" -v name="$name" \
		'BEGIN { split(cpu, s); printf "%-30s %-28s %9d runs %7.1f s  %s\n", "." of, name, execs, s[1] + s[2], status }'
	[ "$status" != FAILED ] || cat "$work/out"
}

failed= n=0
# shellcheck disable=SC2086 # packages may be several patterns
while read -r package dir; do
	mine=
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go 2>/dev/null | grep -E "$only" || true); do
		n=$((n + 1))
		if [ $(((n - 1) % ${part#*/})) -eq $((${part%/*} - 1)) ]; then mine="$mine $name"; fi
	done
	[ -n "$mine" ] || continue
	go test -c -fuzz . -o "$work/test" "$package" >&2
	have="$("$work/test" -test.list . 2>/dev/null)" # a build may leave some out
	for name in $mine; do
		! grep -qx "$name" <<<"$have" || run "$package" "$dir" "$name"
	done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' $packages)
[ -z "$failed" ]
