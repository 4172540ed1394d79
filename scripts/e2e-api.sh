#!/usr/bin/env bash
# The operator's API side (CRD, server-side apply, conditions, finalizers, events, leases) against the API server of KUBECONFIG; nothing here needs an image to run.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${KUBECONFIG:-}" ] || { echo "e2e-api: set KUBECONFIG to the cluster to test against"; exit 2; }
export CHATCELLS_E2E_API=1
dotnet test operator/Chat.Cells.Operator.Tests/Chat.Cells.Operator.Tests.csproj --nologo --filter "Category=Api"
