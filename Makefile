# Everything runs with plain go; this file only spares the typing.
#
#   make demo          the whole service on this machine, until Ctrl-C
#   make play OUT=DIR  the demonstration plays itself and leaves what a court would get
#   make check         a few minutes: format, vet, the quick tests
#   make test          all there is; installs what the tests need
#   make build         the programs, in bin/

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

# An older installed Go fetches the one that go.mod names.
export GOTOOLCHAIN := auto
export GOFLAGS := -buildvcs=false

OUT ?= out
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The packages whose tests need no browser and few databases.
QUICK := ./cmd/... ./evidence/... ./identity/... ./notify/... ./delivery ./migrations

.PHONY: demo play test check build verifier fmt generate bench screens tools lint release reproducible vulnerable

# exec: a signal to make's child reaches the program, which stops in order.
demo: verifier
	go build -o .cache/bode ./cmd/bode
	exec .cache/bode demo

play: verifier
	go build -o .cache/bode ./cmd/bode
	exec .cache/bode demo --play --out "$(OUT)"

test: tools
	@.ci/test

check:
	@.ci/test -quick $(QUICK)

# With a C compiler bode reaches keys in devices (PKCS #11). The verifier is static
# and has nothing that makes evidence or speaks to anybody.
build: VERIFIER = bin/verify
build: verifier
	go build -trimpath -ldflags "-s -w" -o bin/ ./cmd/bode
	CGO_ENABLED=0 go build -tags offline -trimpath -ldflags "-s -w" -o bin/ ./cmd/erdverify

# The verifier for browsers, which bode serves when the folder "verify" is beside
# it. Go knows whether anything has to be built again.
VERIFIER ?= .cache/verify
verifier:
	mkdir -p .cache "$(VERIFIER)"
	GOOS=js GOARCH=wasm go build -tags offline -trimpath -ldflags "-s -w" -o .cache/erdverify.wasm ./cmd/erdverify
	gzip -9nc .cache/erdverify.wasm >"$(VERIFIER)/erdverify.wasm.gz"
	install -m 644 "$$(go env GOROOT)/lib/wasm/wasm_exec.js" "$(VERIFIER)/"

fmt:
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

generate:
	go generate ./...
	@.ci/generate

# Hours of calls against the whole service; BODE_FUZZ_SEED repeats a run.
fuzz-api: tools
	BODE_FUZZ_EXAMPLES=$${BODE_FUZZ_EXAMPLES:-2000} BODE_FUZZ_SEED=$${BODE_FUZZ_SEED:-$$RANDOM$$RANDOM} go test -run TestFuzzAPI -v -timeout 8h ./cmd/bode

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Pictures of every page, in every language, on a telephone and on a desk.
SCREENS ?= .cache/screens
screens: tools
	mkdir -p "$(SCREENS)"
	BODE_SCREENSHOTS="$(abspath $(SCREENS))" go test -count=1 -timeout 40m -run 'OnAPhone|OnADesktop|Screen|Narrow' ./delivery/...

lint:
	@.ci/test -lint

# What is given out, with its bill of materials and digests; BODE_RELEASE_KEY signs.
RELEASE ?= dist
release:
	@.ci/release "$(RELEASE)"

# The same, twice, from nothing; the digests must agree. Takes ten minutes.
reproducible:
	@.ci/release -check

# Known weaknesses in code that we call.
vulnerable:
	@.ci/vulnerable

# Programs of other makers that the tests hold ours against.
tools:
	@.ci/tools
	@.ci/oracle
	@.ci/contract
