#!/usr/bin/env bash
# make bench: builds what is needed, then measures. The generator is this program's own process; every server is another one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
needs=run
[ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ] || needs=kafka
"$root/scripts/setup.sh" $needs
"$root/scripts/build-if-needed.sh" e2e/Chat.Cells.Bench
ulimit -n "$(ulimit -Hn)"
exec dotnet "$root/e2e/Chat.Cells.Bench/bin/Debug/net10.0/Chat.Cells.Bench.dll" "$@"
