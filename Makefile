# One way to do each thing. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help setup build up down test lint smoke chaos bench bench-growth bench-cells e2e-api crds clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## Install what this machine lacks (Debian packages, npm packages, Kafka's native client)
	@scripts/setup.sh

build: ## Build the whole solution
	@dotnet build Chat.Cells.sln -v quiet -clp:NoSummary

up: ## Start two cells, bridges, the router and the page; Ctrl-C stops it all (ARGS="--port 0 …" passes options)
	@scripts/up.sh $(ARGS)

down: ## Stop a cluster that was started with ARGS=--detach
	@scripts/down.sh $(ARGS)

test: ## Set up what the machine lacks, build, run every suite
	@scripts/test.sh

lint: ## Build with every analyzer as an error and check the formatting
	@scripts/lint.sh

smoke: ## Kill one process after another under load and prove that no acked message is lost (ROLES=separate: two processes of each role, on Kafka and Redis; ENGINES=real: on the servers that the environment names; ARGS="--seed N …")
	@ROLES='$(ROLES)' ENGINES='$(ENGINES)' scripts/load.sh smoke $(ARGS)

chaos: ## Hurt the cells in every way it knows and prove that no acked message is lost (ARGS="--seed N --only NAME"; ARGS=--list names the ways)
	@scripts/chaos.sh $(ARGS)

bench: ## Measure one cell against a bare broadcaster and its targets (ARGS="--workload direct --quick …")
	@scripts/bench.sh $(ARGS)

bench-growth: ## Measure how cost grows with users, members and gateways; writes the plot and the table of docs/performance.md (ARGS="--series gateways")
	@scripts/bench.sh growth $(ARGS)

bench-cells: ## Measure latency within and between the cells of the laptop cluster
	@scripts/load.sh bench $(ARGS)

e2e-api: ## Run the suites of the operator's API side against the cluster of KUBECONFIG
	@scripts/e2e-api.sh

crds: ## Write crds/ from the C# types
	@dotnet run --project operator/Chat.Cells.Operator -v quiet -- crd --output $(CURDIR)/crds/chatcells.io_chatcells.yaml

clean: ## Remove build output, test artifacts and the laptop cluster's data
	@scripts/clean.sh
