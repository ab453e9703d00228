# The commands of the project. Each works on a machine with stable Rust, a C compiler, make and
# Python 3; what else it needs it installs below target/ and says so. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Plugins are folders with a src/lib.rs; each becomes one component beside it.
PLUGIN_DIRS := $(patsubst %/src/lib.rs,%,$(wildcard plugins/*/src/lib.rs))
PLUGINS := $(addsuffix .wasm,$(PLUGIN_DIRS))

.PHONY: help build plugins demo demo-r demo-postgres test soak bench book luigi-ports screenshots fmt keys schema clean-demo

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

build: ## Build target/release/wrun
	@tests/tools/need.sh rust
	cargo build --release -p wrun

plugins: build ## Build every example plugin to plugins/NAME.wasm
	@tests/tools/need.sh wasm
	@for dir in $(PLUGIN_DIRS); do \
	  echo "+ target/release/wrun plugin build $$dir -o $$dir.wasm"; \
	  target/release/wrun plugin build $$dir -o $$dir.wasm; \
	done

demo: plugins ## Show the product on a year of flights, in seven steps
	@tests/tools/need.sh demo-data
	@tests/demo/demo.sh

demo-r: plugins ## Fit a model by R, in an image made by debootstrap
	@tests/demo/r.sh

demo-postgres: plugins ## Load a table into PostgreSQL, once
	@tests/demo/postgres.sh

test: ## Run everything that CI runs: formatting, lints, licences, tests
	@tests/tools/need.sh rust wasm c haskell nextest deny python docs book browser
	@tests/tools/test.sh

soak: ## Run the tests' seeded campaigns at full size (`make test` runs a tenth)
	@tests/tools/need.sh rust wasm c haskell nextest
	@WRUN_SOAK=1 tests/tools/test.sh --only-tests

bench: plugins ## Race make, ninja, Luigi and doit on one graph; writes docs/performance.*
	@tests/tools/need.sh bench
	target/tools/py/bin/python tests/bench/run.py $(BENCH_ARGS)

book: ## Make the book of docs/ as pages, in target/book
	@tests/tools/need.sh book
	target/tools/py/bin/mdbook build docs
	tests/docs/book.py target/book

luigi-ports: plugins ## Run Luigi's examples in Luigi and in wrun; writes docs/luigi-ports.md
	@tests/tools/need.sh bench
	target/tools/py/bin/python tests/bench/luigi_ports.py $(BENCH_ARGS)

screenshots: plugins ## Picture pages, graphs and terminals into docs/images
	@tests/tools/need.sh browser demo-data
	python3 tests/browser/screenshots.py

fmt: ## Format all Rust code
	cargo fmt --all
	@for dir in plugins tests/guests; do [ ! -f $$dir/Cargo.toml ] || (cd $$dir && cargo fmt --all); done

keys: ## Compute the golden keys in Python, independently of the Rust code
	@tests/tools/need.sh python
	target/tools/py/bin/python tests/keys.py
