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
#        native.sh backends [--no-repack] [--all]
#                                            make sure that the backends are there: the one that is best for
#                                            this machine's CPU, or those for every CPU of its kind
#        native.sh lib                       print the folder of the backends
#        native.sh copy DIR                  copy the backends into a folder
#        native.sh env                       print the environment for go, as lines for a shell
#        native.sh exec COMMAND…             run a command in that environment
#        native.sh build ARGUMENTS…          run go build in that environment, and show how far it is
#        native.sh clean                     remove all of it for this version of the module
#
# VARIANTS            "all" is --all; or names of CPU backends, as "haswell icelake"
# BISE_NATIVE_CACHE   the cache folder (default bise/native in the user's: $XDG_CACHE_HOME, ~/.cache,
#                     on macOS ~/Library/Caches)
# BACKENDS            "cuda" builds NVIDIA's backend besides those of the CPU
# CUDAARCHS           the architectures to build it for (default: the GPUs of this machine)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

module=github.com/ollama/ollama
cpuinfo="${CPUINFO:-/proc/cpuinfo}" # another one in tests
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

# Names of the CPU backends, the best first, each with what the kernel calls the features that it needs.
# The order is that of the scores that the backends give themselves (cpu-feats.cpp in llama.cpp).
x86_variants='zen4=avx512vbmi avx512_vnni avx512_bf16 avx512f avx512cd avx512vl avx512dq avx512bw avx2 bmi2 fma f16c
icelake=avx512vbmi avx512_vnni avx512f avx512cd avx512vl avx512dq avx512bw avx2 bmi2 fma f16c
skylakex=avx512f avx512cd avx512vl avx512dq avx512bw avx2 bmi2 fma f16c
alderlake=avx_vnni avx2 bmi2 fma f16c
haswell=avx2 bmi2 fma f16c
sandybridge=avx
sse42=sse4_2
x64='
arm_variants='armv9.2_2=asimddp asimdhp sve i8mm sve2 sme
armv9.2_1=asimddp asimdhp sve i8mm sme
armv8.6_2=asimddp asimdhp sve i8mm sve2
armv8.6_1=asimddp asimdhp sve i8mm
armv8.2_3=asimddp asimdhp sve
armv8.2_2=asimddp asimdhp
armv8.2_1=asimddp
armv8.0_1='

# march prints the compiler's name for the instructions of an Arm backend. The newest need a newer compiler
# than some distributions have.
march() {
	case "$1" in
	armv8.0_1) echo armv8-a ;;
	armv8.2_1) echo armv8.2-a+dotprod ;;
	armv8.2_2) echo armv8.2-a+dotprod+fp16 ;;
	armv8.2_3) echo armv8.2-a+dotprod+fp16+sve ;;
	armv8.6_1) echo armv8.6-a+dotprod+fp16+sve+i8mm ;;
	armv8.6_2) echo armv8.6-a+dotprod+fp16+sve+i8mm+sve2 ;;
	armv9.2_1) echo armv9.2-a+dotprod+fp16+sve+i8mm+sme ;;
	armv9.2_2) echo armv9.2-a+dotprod+fp16+sve+i8mm+sve2+sme ;;
	esac
}

compiles() {
	[ "$arch" != arm64 ] || echo 'int main() {}' | "$(cxx)" "-march=$(march "$1")" -x c++ -c -o /dev/null - 2>/dev/null
}

# variants prints the names of the CPU backends to build: all, those that are asked for, or the one that ggml
# would choose here. Where the features of the CPU cannot be read, these are all.
variants() {
	local all="$x86_variants" features='' name needs feature missing chosen=''
	[ "$arch" != arm64 ] || all="$arm_variants"
	case "$1" in
	'')
		if [ "$os-$arch" = "$(go env GOHOSTOS)-$(go env GOHOSTARCH)" ] && [ -r "$cpuinfo" ]; then
			features="$(grep -E -m 1 '^(flags|Features)[[:space:]]*:' "$cpuinfo" || true)"
		fi
		;;
	all) ;;
	*)
		for name in $1; do
			grep -q "^$name=" <<<"$all" || die "VARIANTS=$1: there is no CPU backend \"$name\"." "Want all, or some of: $(sed 's/=.*//' <<<"$all" | tr '\n' ' ')"
		done
		echo "$1"
		return
		;;
	esac
	while IFS='=' read -r name needs; do
		compiles "$name" || continue
		if [ -n "$features" ]; then
			missing=
			for feature in $needs; do
				case " ${features#*:} " in *" $feature "*) ;; *) missing=yes ;; esac
			done
			[ -n "$missing" ] || { echo "$name" && return; }
		fi
		chosen="$chosen $name"
	done <<<"$all"
	echo "${chosen# }"
}

# progress shows lines as they come: one that changes on a terminal, else every tenth.
progress() {
	local line n=0
	while IFS= read -r line; do
		if [ -t 2 ]; then
			printf '\r\033[K  %s' "$line" >&2
		elif [ $((n % 10)) = 0 ]; then
			say "  $line"
		fi
		n=$((n + 1))
	done
	[ ! -t 2 ] || printf '\r\033[K' >&2
}

# steps writes what Ninja prints to the log, and what it compiles to its output, as "[12/87] ggml-cpu-haswell ops.cpp".
steps() {
	local line rest
	while IFS= read -r line; do
		printf '%s\n' "$line" >>"$log"
		case "$line" in
		'['*.dir/*.o)
			rest="${line%%.dir/*}"
			echo "${line%%]*}] ${rest##*/} $(basename "$line" .o)"
			;;
		esac
	done
}

# logged runs a command with its output in the log, shows what it compiles, and the end of the log when it fails.
logged() {
	local status
	set +e
	"$@" 2>&1 | steps | progress
	status=${PIPESTATUS[0]}
	set -e
	[ "$status" != 0 ] || return 0
	tail -n 30 "$log" >&2
	die "building the backends failed in: $*" "The whole log is $log. Fix what it names and run this again: it goes on from there."
}

backends() {
	local repack=ON link=lib cuda=OFF archs='' rpath=\$ORIGIN want="${VARIANTS:-}" # the folder of the library itself
	while [ $# -gt 0 ]; do
		case "$1" in
		--no-repack) repack=OFF link=lib-norepack ;;
		--all) want=all ;;
		*) usage ;;
		esac
		shift
	done
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

	local flags compiler names harden
	names="$(variants "$want")"
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
	harden="$(hardening)"

	# No path of this machine is in it: the file is released with the libraries.
	local fingerprint key
	fingerprint="$module $version, $os/$arch, $compiler, $flags, $harden $(linking), prefixes mapped, $names, patches $(cat scripts/patches/*.patch | sha256 | cut -c 1-12)"
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
		say "building llama.cpp's backends for CPUs ($names), once"
	fi
	patched "$dir/source"
	local map targets=
	map="-ffile-prefix-map=$dir/source=llama.cpp -ffile-prefix-map=$dir=build"
	# shellcheck disable=SC2086 # no flag of ours has a space in it
	logged cmake -G Ninja -S "$dir/source" -B "$dir" $flags "-DCMAKE_C_FLAGS=$harden $map" "-DCMAKE_CXX_FLAGS=$harden $map" \
		"-DCMAKE_SHARED_LINKER_FLAGS=$(linking)" "-DCMAKE_MODULE_LINKER_FLAGS=$(linking)"
	for name in $names; do targets="$targets ggml-cpu-$name"; done
	[ "$cuda" = OFF ] || targets="$targets ggml-cuda"
	# shellcheck disable=SC2086
	NINJA_STATUS='[%f/%t] ' logged ninja -C "$dir" $targets

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

# patched makes a copy of the part of the module that CMake builds, with our changes: kernels of newer versions
# of llama.cpp, and CPU backends that the module leaves out. Each patch says what it is and where it is from.
patched() {
	local to="$1" patch
	rm -rf "$to"
	mkdir -p "$to/ml/backend"
	cp "$source/CMakeLists.txt" "$to"
	cp -R "$source/ml/backend/ggml" "$to/ml/backend/ggml"
	chmod -R u+w "$to" # the module cache is read-only
	for patch in "$PWD"/scripts/patches/*.patch; do
		# Not as part of a checkout that the cache may be in.
		(cd "$to" && GIT_CEILING_DIRECTORIES="${to%/*}" git apply "$patch") >>"$log" 2>&1 ||
			die "cannot apply ${patch##*/} to $module $version." "The log is $log. Patches are made for one version of the module."
	done
}

# hardening prints flags that find or stop memory errors in C and C++, which reads files from anywhere. What they
# cost was not measured. Ubuntu's compiler has a value for _FORTIFY_SOURCE already.
hardening() {
	echo "-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$([ "$os" = linux ] && echo "3 -fstack-clash-protection" || echo 2)"
}

# linking prints flags for the linker, with which nothing that is writable stays a table of functions.
linking() {
	[ "$os" != linux ] || echo "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack"
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
	local flag harden
	os="$(go env GOOS)"
	harden="$(hardening)"
	flag="$(field "-I$include")"
	case " ${CGO_CPPFLAGS:-} " in
	*" $flag "*) ;;
	*) CGO_CPPFLAGS="$flag${CGO_CPPFLAGS:+ $CGO_CPPFLAGS}" ;;
	esac
	export CGO_CPPFLAGS CGO_CFLAGS="${CGO_CFLAGS:--O3 $harden}" CGO_CXXFLAGS="${CGO_CXXFLAGS:--O2 $harden}"
	export CGO_LDFLAGS="${CGO_LDFLAGS:--O2 $(linking)}"
}

# gobuild runs go build. While it compiles C++, which takes minutes, it says which file, and of how many.
gobuild() {
	local total status
	total="$(go list -deps -f '{{if .Stale}}{{len .CFiles}} {{len .CXXFiles}}{{end}}' . |
		while read -r c cxx; do
			sum=$((${sum:-0} + c + cxx))
			echo $sum
		done | tail -n 1)"
	[ "${total:-0}" -gt 20 ] || exec go build "$@"
	say "compiling llama.cpp and bise, once"
	set +e
	# Of the commands that -x prints, those that compile C and C++, without what cgo makes.
	go build -x "$@" 2>&1 | grep -E --line-buffered ' -c [^ ]+\.(c|cpp|m)( |$)' | grep -v --line-buffered 'cgo2\.c\|_cgo_' | compiled "$total" | progress
	status=${PIPESTATUS[0]}
	set -e
	[ "$status" = 0 ] || exec go build "$@" # fails again, and says why without the commands
}

# compiled counts compilers' commands, and prints each as "[12/87] llama-vocab.cpp".
compiled() {
	local line n=0
	while IFS= read -r line; do
		n=$((n + 1))
		line="${line##* -c }"
		line="${line%% *}"
		echo "[$n/$1] ${line##*/}"
	done
}

usage() {
	die "usage: native.sh headers|backends [--no-repack] [--all]|lib|copy DIR|env|exec COMMAND…|build ARGUMENTS…|clean"
}

main() {
	locate
	case "${1:-}" in
	headers) headers ;;
	backends)
		shift
		backends "$@"
		;;
	lib) echo "$base/lib" ;;
	copy)
		mkdir -p "$2"
		cp -L "$base"/lib/* "$2"/
		;;
	env)
		environment
		for name in CGO_CPPFLAGS CGO_CFLAGS CGO_CXXFLAGS CGO_LDFLAGS; do
			printf "export %s='%s'\n" $name "$(printf %s "${!name}" | sed "s/'/'\\\\''/g")"
		done
		;;
	exec)
		shift
		environment
		exec "$@"
		;;
	build)
		shift
		environment
		gobuild "$@"
		;;
	clean) rm -rf "$base" ;;
	*) usage ;;
	esac
}

# On one line: bash reads a script as it goes, and this one may change while it builds.
main "$@"; exit
