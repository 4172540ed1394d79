#!/usr/bin/env bash
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec dotnet "$root/operator/Chat.Cells.LocalCluster/bin/Debug/net10.0/Chat.Cells.LocalCluster.dll" down "$@"
