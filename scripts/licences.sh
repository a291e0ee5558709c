#!/usr/bin/env bash
# Prints the licences of all that is linked into bise, for the archives of a release: most of them
# ask that their text goes along. Fails when a module has none, or one that asks more than that.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

# text prints a licence under a heading.
text() {
	printf '%s\n%s\n\n' "== $1" "$(cat "$2")"
}

modules="$(go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' . | sort -u)"
while read -r path version dir; do
	file="$(find "$dir" -maxdepth 1 -type f | grep -iE '/(licen[sc]e|copying|unlicense)[^/]*$' | sort | head -n 1 || true)"
	[ -n "$file" ] || die "$path $version has no licence file."
	! grep -qE 'GENERAL PUBLIC LICENSE|SSPL|Commons Clause' "$file" || die "$path $version has a licence that bise cannot be given away under: $file"
	text "$path $version" "$file"
done <<<"$modules"

source="$(go list -m -f '{{.Dir}}' github.com/ollama/ollama)"
text "llama.cpp and ggml, in github.com/ollama/ollama" "$source/llama/llama.cpp/LICENSE"
text "Go" "$(go env GOROOT)/LICENSE"

# Three libraries are compiled in from headers. Two end with their licences, the third names its own.
include="$(dirname "$(scripts/native.sh lib)")/include"
for h in stb/stb_image.h miniaudio/miniaudio.h; do
	printf '%s\n%s\n\n' "== $h" "$(sed -n '/^This software is available/,/^\*\//p' "$include/$h" | grep -v '^\*/')"
done
printf '%s\n%s\n\nMIT License\n\n%s\n' "== nlohmann/json.hpp" \
	"$(sed -n 's,^// SPDX-FileCopyrightText: ,Copyright (c) ,p' "$include/nlohmann/json.hpp" | head -n 1)" \
	"$(sed -n '/^Permission is hereby granted/,$p' "$source/llama/llama.cpp/LICENSE")"
