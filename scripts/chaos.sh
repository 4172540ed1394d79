#!/usr/bin/env bash
# make chaos: builds what is needed, then hurts the cells in every way that it knows and has the history checked.
# Exit code: 0 all well, 1 the servers failed, 2 the harness failed, 3 the machine is too small, full or slow.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/setup.sh" kafka && "$root/scripts/build-if-needed.sh" e2e/Chat.Cells.Chaos e2e/Chat.Cells.KafkaMock || exit 2
exec dotnet "$root/e2e/Chat.Cells.Chaos/bin/Debug/net10.0/Chat.Cells.Chaos.dll" "$@"
