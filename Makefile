# One way to do each thing. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help setup build up test lint smoke bench e2e-api crds clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Install what this machine lacks (Debian packages, npm packages)
	@scripts/setup.sh

build: ## Build the whole solution
	@dotnet build Chat.Cells.sln -v quiet -clp:NoSummary

lint: ## Build with every analyzer as an error and check the formatting
	@scripts/lint.sh

clean: ## Remove build output, test artifacts and the laptop cluster's data
	@rm -rf .data artifacts .cache && find . -name bin -o -name obj -type d -not -path '*/node_modules/*' | xargs rm -rf

crds: ## Write crds/ from the C# types
	@dotnet run --project operator/Chat.Cells.Operator -v quiet -- crd --output crds/chatcells.io_chatcells.yaml
