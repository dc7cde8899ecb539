# The few commands of the house. What they do is written in .ci/; nothing here is needed to understand the code.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

WITH := . .ci/env.sh;
DEMO := $${XDG_DATA_HOME:-$$HOME/.local/share}/chergui/demo
ARGS ?=

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Install what is missing, build, start the demo on http://127.0.0.1:8080 (ARGS="..." is passed on)
	@.ci/setup.sh build
	@$(WITH) cargo build --locked --workspace --bin chergui --examples
	@$(WITH) exec "$$CARGO_TARGET_DIR/debug/chergui" demo --data-dir "$(DEMO)" $(ARGS)

.PHONY: test
test: ## Set up and run everything: style, lints, licences, documentation, tests, browser, benches once
	@.ci/run

.PHONY: setup
setup: ## Install what the tests need, after saying what
	@.ci/setup.sh test

.PHONY: check
check: ## Formatting and Clippy only
	@$(WITH) cargo fmt --all --check
	@$(WITH) cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: bench
bench: ## Run the criterion benches (ARGS="..." is passed on)
	@.ci/setup.sh build
	@$(WITH) cargo bench --locked --workspace --profile dev --bench '*' -- $(ARGS)

.PHONY: test-bus
test-bus: ## Build NATS and Kafka in and test them against real peers (CHERGUI_LONG=1 for the long forms)
	@.ci/setup.sh test
	@test -x /usr/sbin/nats-server || { echo 'nats-server is missing; Debian: apt-get install nats-server' >&2; exit 1; }
	@$(WITH) "$$CHERGUI_PYTHON" -m pip install --quiet --disable-pip-version-check --only-binary :all: 'confluent-kafka>=2.16,<3'
	@$(WITH) cargo clippy --locked -p connectors --all-targets --features nats,kafka -- -D warnings
	@$(WITH) cargo test --locked -p connectors --features nats,kafka -- bus nats kafka connection mqtt
	@$(WITH) cargo test --locked --workspace --features bus --test it contracts::kafka contracts::nats

.PHONY: peers
peers: ## Compare with what a user would pick instead (DuckDB's CSV reader on the same file)
	@.ci/setup.sh test
	@$(WITH) cargo build --locked --workspace --bin chergui --examples
	@$(WITH) "$$CHERGUI_PYTHON" benches/peers/import.py --chergui "$$CARGO_TARGET_DIR/debug/chergui" $(ARGS)

.PHONY: trust
trust: ## Long forms of the tests of trust, hours (docs/trust.md); TRUST_SEEDS and the like make them shorter
	@.ci/setup.sh test
	@$(WITH) cargo build --locked --workspace --bin chergui --examples
	@$(WITH) TRUST_SEEDS="$${TRUST_SEEDS:-100000}" TRUST_BATCHES="$${TRUST_BATCHES:-10000}" cargo test --locked --workspace --lib store::tests -- --nocapture
	@$(WITH) TRUST_KILL_ROUNDS="$${TRUST_KILL_ROUNDS:-1000}" TRUST_FULL_ROUNDS="$${TRUST_FULL_ROUNDS:-200}" cargo test --locked --workspace --test it trust:: -- --nocapture

.PHONY: load
load: ## Half an hour of the mixed load of a fleet (ARGS="--overload 3 --minutes 10" for more than it can take)
	@.ci/setup.sh test
	@$(WITH) cargo build --locked --workspace --bin chergui --examples
	@$(WITH) "$$CHERGUI_PYTHON" benches/peers/mixed.py --chergui "$$CARGO_TARGET_DIR/debug/chergui" $(ARGS)

.PHONY: live
live: ## Live connections under load, beside the usual Python clients (ARGS="--memory 30" for memory over 30 minutes)
	@.ci/setup.sh test
	@$(WITH) cargo build --locked --workspace --bin chergui --examples
	@$(WITH) "$$CHERGUI_PYTHON" benches/peers/live.py --chergui "$$CARGO_TARGET_DIR/debug/chergui" $(ARGS)

.PHONY: doc
doc: ## Build the documentation of our own crates
	@$(WITH) cargo doc --locked --workspace --lib --bins --examples --no-deps
	@$(WITH) echo "open $$CARGO_TARGET_DIR/doc/engine/index.html"

.PHONY: advisories
advisories: ## Ask the RustSec database about our dependencies (needs the internet)
	@.ci/setup.sh test
	@$(WITH) cargo deny --locked check advisories

.PHONY: dashboard
dashboard: ## Build the dashboard into api/dashboard/dist (commit the result)
	@.ci/setup.sh front
	@$(WITH) cd api/dashboard && npm run check && npm run build

.PHONY: clean-demo
clean-demo: ## Forget the demo's store; the next `make run` fills a new one
	@rm -rf "$(DEMO)" && echo "removed $(DEMO)"
