#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -f .data/run/up.proc ] && [ -f operator/Chat.Cells.LocalCluster/bin/Debug/net10.0/Chat.Cells.LocalCluster.dll ]; then
  scripts/down.sh
fi
rm -rf .data artifacts .cache
find . -type d -name node_modules -prune -o -type d \( -name bin -o -name obj -o -name TestResults \) -prune -exec rm -rf {} +
