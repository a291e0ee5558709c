#!/usr/bin/env bash
# Stands in for go in .goreleaser.yaml, where a program was built by another machine: copies it from the folder
# TREE that package.sh made. GoReleaser's own way to import programs is in its paid edition.
#
# usage: prebuilt.sh build … -o FILE .
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

out=
while [ $# -gt 0 ]; do
	case "$1" in
	-o) out="$2" ;;
	-o=*) out="${1#-o=}" ;;
	esac
	shift
done
[ -n "$out" ] || die "usage: prebuilt.sh build … -o FILE ."
[ -e "build/release/$TREE/bin/bise" ] || die "build/release/$TREE is not there." "Run make package on such a machine, and unpack its tar file in build/release."
mkdir -p "$(dirname "$out")"
cp "build/release/$TREE/bin/bise" "$out"
