#!/usr/bin/env bash
# make smoke, make bench-cells: builds what is needed, then runs the load generator, which starts its own cluster.
# ROLES=separate and ENGINES=real (see docs/separate-roles.md) become its options.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
needs=run
[ -z "${ROLES:-}" ] || set -- "$@" --roles "$ROLES"
[ -z "${ENGINES:-}" ] || set -- "$@" --engines "$ENGINES"
if [ "${ROLES:-}" = separate ] || { [ "${ENGINES:-}" = real ] && [ -n "${KAFKA_BOOTSTRAP_SERVERS:-}" ]; }; then needs=kafka; fi
"$root/scripts/setup.sh" $needs
"$root/scripts/build-if-needed.sh" e2e/Chat.Cells.Load e2e/Chat.Cells.KafkaMock
exec dotnet "$root/e2e/Chat.Cells.Load/bin/Debug/net10.0/Chat.Cells.Load.dll" "$@"
