#!/usr/bin/env bash
# make up: sets up and builds what is needed, then hands over to the program, which gets Ctrl-C itself.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/scripts/setup.sh" run
"$root/scripts/build-if-needed.sh"
exec dotnet "$root/operator/Chat.Cells.LocalCluster/bin/Debug/net10.0/Chat.Cells.LocalCluster.dll" up "$@"
