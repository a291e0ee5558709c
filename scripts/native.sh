#!/usr/bin/env bash
# Prepares what the Go module github.com/ollama/ollama leaves out: the headers that its C++ needs
# and llama.cpp's fast backends, which are shared libraries chosen at run time. docs/building.md
# says why. Everything lies in a cache folder outside the checkout:
#
#   <cache>/ollama-<version>/include         headers, on the path by CGO_CPPFLAGS
#   <cache>/ollama-<version>/lib-<key>       backends; the key is made of all that went into them
#   <cache>/ollama-<version>/lib             link to the ones asked for last
#   <cache>/ollama-<version>/lib-norepack    link to the ones built without repacking, for benchmarks
#
# usage: native.sh headers                   make sure that the headers are there
#        native.sh backends [--no-repack]    make sure that the backends are there
#        native.sh lib                       print the folder of the backends
#        native.sh copy DIR                  copy the backends into a folder
#        native.sh env                       print the environment for go, as lines for a shell
#        native.sh exec COMMAND…             run a command in that environment
#        native.sh clean                     remove all of it for this version of the module
#
# BISE_NATIVE_CACHE   the cache folder (default bise/native in the user's: $XDG_CACHE_HOME, ~/.cache,
#                     on macOS ~/Library/Caches)
# BACKENDS            "cuda" builds NVIDIA's backend besides those of the CPU
# CUDAARCHS           the architectures to build it for (default: the GPUs of this machine)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

module=github.com/ollama/ollama
# Carries miniaudio.h, of which only the declarations and the decoder of WAV, MP3 and FLAC are used.
miniaudio=github.com/gen2brain/malgo@v0.11.24
# The commit of stb_image.h where no package has it. Git checks the content against the name.
stb_url=https://github.com/nothings/stb
stb_commit=5736b15f7ea0ffb08dd38af21067c314d6a3aae9

have go || die "Go is not installed." "Install Go 1.26 or later from https://go.dev/dl, then run this again."

locate() {
	local line
	line="$(go list -m -f '{{.Version}} {{.Dir}}' $module)"
	version="${line%% *}" source="${line#* }"
	if [ -z "$source" ]; then
		say "fetching $module $version"
		go mod download $module || die "cannot fetch the Go module $module $version." "Check the network and GOPROXY, then run this again."
		source="$(go list -m -f '{{.Dir}}' $module)"
	fi
	local user="${XDG_CACHE_HOME:-$HOME/.cache}" root
	[ "$(uname)" != Darwin ] || user="$HOME/Library/Caches" # as Go's os.UserCacheDir has it
	root="${BISE_NATIVE_CACHE:-$user/bise/native}"
	case "$root" in /*) ;; *) root="$PWD/$root" ;; esac
	base="$root/ollama-$version"
	include="$base/include"
}

# lock waits until no other call of this script changes the cache. The lock goes with the process.
lock() {
	mkdir -p "$base"
	if have flock; then
		exec 9>"$base/.lock"
		flock -n 9 && return
		say "waiting for another build in $base"
		flock 9
		return
	fi
	local dir="$base/.lock.d" pid told=
	until mkdir "$dir" 2>/dev/null; do
		pid="$(cat "$dir/pid" 2>/dev/null || true)"
		if [ -n "$pid" ] && ! kill -0 "$pid" 2>/dev/null; then
			rm -rf "$dir" # left by a process that was killed
			continue
		fi
		[ -n "$told" ] || say "waiting for another build in $base"
		told=yes
		sleep 1
	done
	echo $$ >"$dir/pid"
	trap 'rm -rf "$base/.lock.d"' EXIT
}

# point makes a link atomically, so that a program that starts now finds the old folder or the new one.
point() {
	local target="$1" link="$2" new="$2.$$"
	[ "$(readlink "$link" 2>/dev/null)" != "$target" ] || return 0
	if [ -d "$link" ] && ! [ -L "$link" ]; then
		die "$link is a folder that bise did not make." "Move it away and run this again."
	fi
	ln -s "$target" "$new"
	mv -fT "$new" "$link" 2>/dev/null || mv -fh "$new" "$link" # GNU's way, BSD's way
}

# The headers of llama.cpp itself are linked besides the missing ones: a package that calls its C
# functions directly cannot name the module's folder in a #cgo line.
public_headers() {
	local h
	for h in "$source"/llama/llama.cpp/include/*.h "$source"/llama/llama.cpp/tools/mtmd/{mtmd,mtmd-helper,clip}.h \
		"$source"/llama/sampling_ext.h "$source"/ml/backend/ggml/ggml/include/{g*,ollama-debug}.h; do
		echo "$h"
	done
}

headers_missing() {
	local h
	for h in nlohmann/json.hpp nlohmann/json_fwd.hpp stb/stb_image.h miniaudio/miniaudio.h; do
		[ -e "$include/$h" ] || return 0
	done
	while read -r h; do
		[ -e "$include/${h##*/}" ] || return 0
	done < <(public_headers)
	return 1
}

# place copies a file or folder into the include folder in one step.
place() {
	local to="$include/$2" new
	mkdir -p "$(dirname "$to")"
	[ ! -e "$to" ] || return 0
	new="$(dirname "$to")/.new.$$"
	rm -rf "$new"
	cp -RL "$1" "$new"
	chmod -R u+w "$new" # the module cache is read-only
	mv "$new" "$to"
}

headers() {
	headers_missing || return 0
	lock
	local json stb dir h
	json="$(header nlohmann/json.hpp)"
	[ -n "$json" ] || die "nlohmann/json.hpp is not on the compiler's path." "Run scripts/setup.sh, or install the package nlohmann-json3-dev (Debian), json-devel (Fedora) or nlohmann-json (Arch, Homebrew)."
	place "$(dirname "$json")" nlohmann

	stb="$(header stb/stb_image.h)"
	if [ -z "$stb" ] && ! [ -e "$include/stb/stb_image.h" ]; then
		say "fetching stb_image.h with git from $stb_url"
		dir="$base/.stb"
		rm -rf "$dir"
		git init -q "$dir"
		if ! git -C "$dir" fetch -q --depth 1 "$stb_url" $stb_commit || ! git -C "$dir" checkout -q FETCH_HEAD; then
			die "stb/stb_image.h is not on the compiler's path and cannot be fetched." "Install the package libstb-dev (Debian), stb-devel (Fedora) or stb (Arch), or put the file there."
		fi
		stb="$dir/stb_image.h"
	fi
	place "$stb" stb/stb_image.h
	rm -rf "$base/.stb"

	dir="$(go mod download -json $miniaudio | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p' || true)"
	[ -e "$dir/miniaudio.h" ] || die "cannot fetch the Go module $miniaudio, which carries miniaudio.h." "Check the network and GOPROXY, then run this again."
	place "$dir/miniaudio.h" miniaudio/miniaudio.h

	while read -r h; do point "$h" "$include/${h##*/}"; done < <(public_headers)
	say "headers are in $include"
}

# targets prints the CMake targets of the CPU's backends, one for each set of instructions.
targets() {
	if [ "$arch" != arm64 ]; then
		echo ggml-cpu # stands for all of them
		return
	fi
	# The newest instructions need a newer compiler than some distributions have.
	local pair
	for pair in armv8.0_1=armv8-a armv8.2_1=armv8.2-a+dotprod armv8.2_2=armv8.2-a+dotprod+fp16 \
		armv8.2_3=armv8.2-a+dotprod+fp16+sve armv8.6_1=armv8.6-a+dotprod+fp16+sve+i8mm \
		armv8.6_2=armv8.6-a+dotprod+fp16+sve+i8mm+sve2 armv9.2_1=armv9.2-a+dotprod+fp16+sve+i8mm+sme \
		armv9.2_2=armv9.2-a+dotprod+fp16+sve+i8mm+sve2+sme; do
		if echo 'int main() {}' | "$(cxx)" "-march=${pair#*=}" -x c++ -c -o /dev/null - 2>/dev/null; then
			echo "ggml-cpu-${pair%%=*}"
		fi
	done
}

# logged runs a command with its output in the log, and shows the end of that when it fails.
logged() {
	"$@" >>"$log" 2>&1 && return
	tail -n 30 "$log" >&2
	die "building the backends failed in: $*" "The whole log is $log. Fix what it names and run this again: it goes on from there."
}

backends() {
	local repack=ON link=lib cuda=OFF archs='' rpath=\$ORIGIN # the folder of the library itself
	if [ "${1:-}" = --no-repack ]; then repack=OFF link=lib-norepack; fi
	case "${BACKENDS:-}" in
	"" | cpu) ;;
	cuda) cuda=ON ;;
	*) die "BACKENDS=$BACKENDS is not known." 'Leave it empty, or set it to "cuda".' ;;
	esac
	local os
	os="$(go env GOOS)" arch="$(go env GOARCH)"
	if [ "$os-$arch" = darwin-arm64 ]; then
		# Metal and a CPU backend for Apple's chips are compiled into the binary by cgo.
		mkdir -p "$base/lib-none"
		point lib-none "$base/$link"
		return
	fi

	local flags compiler
	flags="-DCMAKE_BUILD_TYPE=Release -DGGML_CPU_ALL_VARIANTS=ON -DGGML_CPU_REPACK=$repack -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON"
	# What happens to be installed must not change what is built.
	flags="$flags -DCMAKE_DISABLE_FIND_PACKAGE_Vulkan=ON -DCMAKE_HIP_COMPILER=NOTFOUND"
	# GOARCH may ask for the other kind of Mac.
	[ "$os" != darwin ] || flags="$flags -DCMAKE_OSX_ARCHITECTURES=x86_64"
	compiler="$("$(cxx)" --version | head -n 1) $("$(cxx)" -dumpmachine)"
	if [ $cuda = ON ]; then
		local nvcc="${CUDACXX:-nvcc}"
		have "$nvcc" || nvcc="${CUDA_PATH:-/usr/local/cuda}/bin/nvcc"
		have "$nvcc" || die "BACKENDS=cuda needs NVIDIA's compiler nvcc, which is neither on the PATH nor in /usr/local/cuda." "Install the CUDA toolkit, or name its compiler in CUDACXX."
		archs="${CUDAARCHS:-native}"
		if [ "$archs" = native ] && ! nvidia-smi -L >/dev/null 2>&1; then
			archs="75-virtual;80-virtual;86-virtual;89-virtual;90-virtual"
		fi
		nvcc="$(command -v "$nvcc")"
		rpath="$rpath;${nvcc%/bin/*}/lib64" # where not every installation tells the linker to look
		flags="$flags -DCMAKE_CUDA_COMPILER=$nvcc -DCUDAToolkit_ROOT=${nvcc%/bin/*} -DCMAKE_CUDA_ARCHITECTURES=$archs"
		compiler="$compiler $("$nvcc" --version | tail -n 1)"
	else
		flags="$flags -DCMAKE_CUDA_COMPILER=NOTFOUND"
	fi

	flags="$flags -DCMAKE_INSTALL_RPATH=$rpath"

	local fingerprint key
	fingerprint="$module $version, $os/$arch, $compiler, $flags"
	key="$(echo "$fingerprint" | sha256 | cut -c 1-12)"
	if ! [ -d "$base/lib-$key" ]; then
		lock
		[ -d "$base/lib-$key" ] || build
	fi
	point "lib-$key" "$base/$link"
}

build() {
	if ! have cmake || ! have ninja; then
		die "CMake and Ninja are needed to build llama.cpp's backends." "Run scripts/setup.sh, or install the packages cmake and ninja-build (Debian, Fedora) or ninja (Arch, Homebrew)."
	fi
	local dir="$base/build-$key" stage="$base/.lib-$key.$$" start=$SECONDS f name
	log="$dir/log"
	mkdir -p "$dir"
	: >"$log"
	if [ "$cuda" = ON ]; then
		say "building llama.cpp's backends for CPUs and NVIDIA GPUs ($archs); this takes a quarter of an hour or more, once"
	else
		say "building llama.cpp's backends for CPUs; this takes 1 to 3 minutes on two cores, once"
	fi
	# shellcheck disable=SC2086 # no flag has a space in it
	logged cmake -G Ninja -S "$source" -B "$dir" $flags
	local all
	all="$(targets)"
	[ "$cuda" = OFF ] || all="$all ggml-cuda"
	if [ -t 2 ]; then
		# shellcheck disable=SC2086
		NINJA_STATUS='  %f of %t ' ninja -C "$dir" $all >&2
	else
		# shellcheck disable=SC2086
		logged ninja -C "$dir" $all
	fi

	# Under the names by which they are loaded: the linker's longer ones are not needed.
	rm -rf "$stage"
	mkdir "$stage"
	for f in "$dir"/lib/ollama/libggml-*.so "$dir"/lib/ollama/libggml-base.so.0 "$dir"/lib/ollama/libggml-base.0.dylib; do
		[ -e "$f" ] || continue
		name="${f##*/}"
		[ "$name" = libggml-base.so ] || cp -L "$f" "$stage/$name"
	done
	echo "$fingerprint" >"$stage/built-from.txt"
	mv "$stage" "$base/lib-$key"
	rm -rf "$dir"
	say "backends are in $base/lib-$key ($(took $start))"
}

# field quotes a flag for go, which splits at spaces and knows both quotes but no escapes.
field() {
	case "$1" in
	*\'*\"* | *\"*\'*) die "the path $1 has both kinds of quotes, which go cannot be told." "Set BISE_NATIVE_CACHE to another folder." ;;
	*\'* | *[[:space:]]*) case "$1" in *\"*) echo "'$1'" ;; *) echo "\"$1\"" ;; esac ;;
	*\"*) echo "'$1'" ;;
	*) echo "$1" ;;
	esac
}

# environment sets what go needs. Flags of the user's own stay; the default leaves debug information
# out, which halves the time and the size.
environment() {
	local flag
	flag="$(field "-I$include")"
	case " ${CGO_CPPFLAGS:-} " in
	*" $flag "*) ;;
	*) CGO_CPPFLAGS="$flag${CGO_CPPFLAGS:+ $CGO_CPPFLAGS}" ;;
	esac
	export CGO_CPPFLAGS CGO_CFLAGS="${CGO_CFLAGS:--O3}" CGO_CXXFLAGS="${CGO_CXXFLAGS:--O2}"
}

main() {
	locate
	case "${1:-}" in
	headers) headers ;;
	backends) backends "${2:-}" ;;
	lib) echo "$base/lib" ;;
	copy)
		mkdir -p "$2"
		cp -L "$base"/lib/* "$2"/
		;;
	env)
		environment
		for name in CGO_CPPFLAGS CGO_CFLAGS CGO_CXXFLAGS; do
			printf "export %s='%s'\n" $name "$(printf %s "${!name}" | sed "s/'/'\\\\''/g")"
		done
		;;
	exec)
		shift
		environment
		exec "$@"
		;;
	clean) rm -rf "$base" ;;
	*) die "usage: native.sh headers|backends [--no-repack]|lib|copy DIR|env|exec COMMAND…|clean" ;;
	esac
}

# On one line: bash reads a script as it goes, and this one may change while it builds.
main "$@"; exit
