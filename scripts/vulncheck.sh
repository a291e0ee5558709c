#!/usr/bin/env bash
# Reports known vulnerabilities in code that bise calls, with govulncheck. Its database is on the network:
# where it cannot be reached, this says so and succeeds. Runs in the environment that `native.sh exec` sets.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

version=v1.9.0
out="$(mktemp)"
trap 'rm -f "$out"' EXIT
if go run "golang.org/x/vuln/cmd/govulncheck@$version" ./... >"$out" 2>&1; then
	cat "$out"
elif unreachable="$(grep -m 1 -E 'fetching vulnerabilities: |dial tcp|lookup ' "$out")"; then
	say "not checked for vulnerabilities: $unreachable"
else
	cat "$out"
	exit 1
fi
