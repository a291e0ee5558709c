#!/usr/bin/env bash
# Starts a release: checks that this commit can be one, tags it and pushes the tag. The workflow release.yml does
# the rest, and leaves a draft. Nothing is pushed before a question is answered.
#
# usage: release.sh vVERSION
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

tag="${1:-}"
[[ "$tag" =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die "invalid version \"$tag\": want one like v0.1.0." "Run: make release VERSION=v0.1.0"
[ -z "$(git status --porcelain)" ] || die "there are changes that are not committed." "Commit them first."
[ "$(git branch --show-current)" = main ] || die "this is not the branch main."
[ -z "$(git tag --list "$tag")" ] || die "the tag $tag exists already."
scripts/package.sh notes "${tag#v}" >/dev/null
git fetch -q origin main
[ "$(git rev-parse HEAD)" = "$(git rev-parse origin/main)" ] || die "main here is not origin's main." "Push or pull first, and let CI pass."

say "Release $tag of commit $(git log -1 --format='%h %s'), with these notes:" ""
scripts/package.sh notes "${tag#v}" >&2
printf 'Tag and push? [y/N] ' >&2
read -r answer
[ "$answer" = y ] || die "not released."
git tag -a -m "bise ${tag#v}" "$tag"
git push origin "$tag"
say "The workflow builds a draft: https://github.com/bise-sh/bise/actions. docs/releasing.md says how to go on."
