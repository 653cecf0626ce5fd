# plimsoll's commands. `make` lists them; the work is done by the scripts in deploy/setup, which fetch what is missing.
SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin
.DEFAULT_GOAL := help
.PHONY: help run test test-fast build bench bench-ceph lab-openstack lab-ceph lint setup engine

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Run plimsoll: on a made-up cloud, or on yours with CONFIG=plimsoll.yaml
	@deploy/setup/run.sh $(CONFIG)

test: setup engine ## Every test that needs no laboratory
	@deploy/setup/test.sh

test-fast: setup engine ## The same without the slow ones (names that begin with slow_): under 5 minutes
	@deploy/setup/test.sh --fast

build: setup engine ## The release binary (target/release/plimsoll) and the engine's library beside it
	cargo build --release --locked

bench: setup engine ## Benchmarks; figures in target/bench.json
	@deploy/setup/bench.sh

bench-ceph: setup engine ## The same for 10,000 buckets on a real Ceph, filled on this machine in about two minutes
	@deploy/lab/ceph/bench.sh

lab-openstack: setup engine ## A real OpenStack on this machine, seeded while plimsoll collects; then the tests against it
	@deploy/lab/openstack/run-tests.sh

lab-ceph: setup engine ## A real Ceph on this machine, seeded while plimsoll collects; then the tests against it
	@deploy/lab/ceph/run-tests.sh

lint: setup ## Formatting, clippy, rustdoc and shell scripts: no warning passes
	@deploy/setup/lint.sh

setup: ## Debian packages and a Rust toolchain, where they are missing
	@deploy/setup/setup.sh

engine: ## The embedded engine's library (libchdb.so), verified, in target/engine
	@deploy/setup/engine.sh
