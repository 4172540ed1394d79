#!/usr/bin/env bash
# make bench, make bench-growth: builds what is needed, then measures. The generator is this program's own process; every server is another one.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
needs=run
programs=(e2e/Chat.Cells.Bench)
[ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ] || needs=kafka
# Several gateways need a log that processes share: growth has the mock when no Kafka is given.
if [[ " $* " = *kafka-mock* || "${1:-}" = growth ]]; then
  needs=kafka
  programs+=(e2e/Chat.Cells.KafkaMock)
fi
"$root/scripts/setup.sh" $needs
"$root/scripts/build-if-needed.sh" "${programs[@]}"
ulimit -n "$(ulimit -Hn)"
exec dotnet "$root/e2e/Chat.Cells.Bench/bin/Debug/net10.0/Chat.Cells.Bench.dll" "$@"
