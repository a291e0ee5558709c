# Everything a person does with the source. Each target brings what it needs with it, and does
# nothing the second time. docs/building.md explains what happens underneath.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test golden race fuzz vulncheck bench lint hardening env setup native llama-server starter notices \
        package snapshot release publish clean distclean

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
QUESTION ?= Why is the sky blue?
# As it was written: a dollar sign in a question is no variable of make's.
override QUESTION := $(value QUESTION)
export QUESTION MODEL BACKENDS VARIANTS PART

native := scripts/native.sh
GORELEASER ?= go run github.com/goreleaser/goreleaser/v2@v2.17.1

help:
	@echo "make run        build bise, get a small model if none is installed, and ask it something"
	@echo "                (QUESTION=\"…\" asks something else, MODEL=… another model)"
	@echo "make build      build bin/bise; BACKENDS=cuda for NVIDIA GPUs too, VARIANTS=all for every CPU"
	@echo "make test       run every test"
	@echo "make golden     rewrite the golden files and scripts that tests compare with"
	@echo "make race       run every test under the race detector (builds llama.cpp once more)"
	@echo "make fuzz       run every fuzz test for TIME=10m; PART=1/4 runs a quarter of them"
	@echo "make vulncheck  look for known vulnerabilities, where the database can be reached"
	@echo "make bench      measure how fast bise is on this machine"
	@echo "                (RIVAL=/path/llama-bench MODEL=FILE compares it with another llama.cpp)"
	@echo "make lint       check formatting, vet and staticcheck, also for other systems"
	@echo "make hardening  check the flags of the program and its libraries (Linux)"
	@echo "make env        print the environment in which plain go build works:"
	@echo "                eval \"\$$(make -s env)\" && go build ./..."
	@echo "make llama-server  build llama.cpp's server for the tests that need it"
	@echo "make starter    get the small model, if none is installed"
	@echo "make notices    write THIRD_PARTY_NOTICES.txt, the licences of all that is linked"
	@echo "make package    build what a release has of this machine; snapshot: and pack it, into dist"
	@echo "make release    check and tag VERSION=v…, and let the release workflow publish a draft"
	@echo "make clean      remove what was built here; distclean: and llama.cpp's libraries"

# A small model can go in circles for ever, hence the limit; and it does best when it does not gamble.
run: build
	@[ -n "$$MODEL" ] || scripts/starter.sh
	@printf '\n> %s\n\n' "$$QUESTION"
	@bin/bise ask $${MODEL:+-m "$$MODEL"} --temperature 0 --max-tokens 300 "$$QUESTION"

# The program looks for its backends in ../lib/bise, seen from its own folder. Without -trimpath, which
# releases have: go would compile llama.cpp once for the program and once more for its tests. The link is to the
# folder of this build, which one of another checkout does not change.
build: native
	$(native) build -ldflags "-X github.com/bise-sh/bise/cli/build.version=$(VERSION)" -o bin/bise .
	@mkdir -p lib && ln -sfn "$$(cd "$$($(native) lib)" && pwd -P)" lib/bise

test: native
	@$(native) exec scripts/test.sh

# Every package whose tests know the -update flag, which is golden's. Look at git diff afterwards.
golden: native
	$(native) exec go test $$(go list -f '{{$$p := .ImportPath}}{{range .TestImports}}{{if eq . "github.com/charmbracelet/x/exp/golden"}}{{$$p}}{{end}}{{end}}' ./...) -update

race: native
	$(native) exec go test -race ./...

fuzz: native
	@$(native) exec scripts/fuzz.sh "$(or $(TIME),10m)"

vulncheck: setup
	@$(native) headers
	@$(native) exec scripts/vulncheck.sh

# With RIVAL, a llama-bench of any version, only the two programs are compared, on the files in MODEL.
bench: build
	@echo "Let the machine do nothing else meanwhile."
ifneq ($(RIVAL),)
	@[ -n "$$MODEL" ] || { echo "bench: name the GGUF files to compare on: make bench RIVAL=… MODEL=\"FILE…\"" >&2; exit 2; }
	@$(native) exec go run ./scripts/bench rival bin/bise "$(RIVAL)" $(or $(ROUNDS),5) $$MODEL
else
	@$(native) backends --no-repack
	@lib="$$($(native) lib)"; $(native) exec go run ./scripts/bench bin/bise "$$lib" "$$lib-norepack"
	@$(native) exec go test -run '^$$' -bench . -benchtime 5x ./engine/llama ./engine/worker
endif

lint: native
	@$(native) exec scripts/lint.sh

hardening: build
	go run ./scripts/hardening bin/bise lib/bise/*.so*

env: native
	@$(native) env

setup:
	@scripts/setup.sh

native: setup
	@$(native) headers
	@$(native) backends

llama-server: setup
	@scripts/llama-server.sh

starter:
	@scripts/starter.sh

# The licences of all that is linked into bise; a test compares them with go.mod.
notices:
	go run ./scripts/thirdparty notices >THIRD_PARTY_NOTICES.txt

# docs/releasing.md describes these. GoReleaser is built from its Go module unless GORELEASER names a program.
# A release is for every CPU, not for this machine's.
package snapshot: export VARIANTS := all
package: native
	$(native) exec scripts/package.sh tree

snapshot: package
	VERSION="$$(scripts/package.sh version)" $(GORELEASER) release --clean --snapshot

release:
	scripts/release.sh "$(VERSION)"

# What the release workflow runs when each machine has made its package.
publish:
	scripts/package.sh check
	scripts/package.sh notes "$$(scripts/package.sh version)" >build/notes.md
	$(GORELEASER) release --clean --release-notes build/notes.md

clean:
	rm -rf bin lib build dist

distclean: clean
	$(native) clean
