#!/usr/bin/env bash
# Analyzers and code style are part of the build and are errors; this adds the formatter.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet build Chat.Cells.sln -v quiet -clp:NoSummary
dotnet format whitespace Chat.Cells.sln --verify-no-changes --no-restore
