#!/usr/bin/env bash
# make smoke, make bench: builds what is needed, then runs the load generator, which starts its own cluster.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/setup.sh" run
"$root/scripts/build-if-needed.sh" e2e/Chat.Cells.Load
exec dotnet "$root/e2e/Chat.Cells.Load/bin/Debug/net10.0/Chat.Cells.Load.dll" "$@"
