#!/usr/bin/env bash
# The page's tests in a real browser, on a cluster of their own.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cluster=$root/artifacts/browser-cluster
local_cluster=(dotnet "$root/operator/Chat.Cells.LocalCluster/bin/Debug/net10.0/Chat.Cells.LocalCluster.dll")
rm -rf "$cluster"
"${local_cluster[@]}" up --detach --data "$cluster" --port 0
trap '"${local_cluster[@]}" down --data "$cluster"' EXIT
CHATCELLS_URL=$(node -p "JSON.parse(require('fs').readFileSync('$cluster/cluster.json')).routerUrl")
export CHATCELLS_URL
cd "$root/e2e/browser"
npm test --silent
