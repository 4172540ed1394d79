#!/usr/bin/env bash
# Builds what a running cluster consists of, unless the last build is newer than every source. `dotnet build` finds that out too, but takes 20 seconds for it.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.cache/built
programs=(cell/Chat.Cells.Cell cell/Chat.Cells.Bridge router/Chat.Cells.Router operator/Chat.Cells.Operator operator/Chat.Cells.LocalCluster "$@")
current() {
  [ -f "$stamp" ] || return 1
  local program
  for program in "${programs[@]}"; do
    [ -f "$program/bin/Debug/net10.0/$(basename "$program").dll" ] || return 1
  done
  [ -z "$(find cell router operator lib e2e build Directory.*.props global.json \( -name bin -o -name obj -o -name node_modules -o -name '*.Tests' -o -name '*.TestSupport' \) -prune -o -type f -newer "$stamp" -print -quit)" ]
}
if current; then
  exit 0
fi
echo "building (the first time takes a minute or two)"
mkdir -p .cache
touch .cache/building
# build/run.slnf names the five programs of a cluster; what else is asked for is built after them.
for target in build/run.slnf "$@"; do
  dotnet build "$target" -v minimal -clp:NoSummary -nologo | grep -vE '^\s*$|Determining projects|up-to-date for restore|Restored |Build succeeded|Warning\(s\)|Error\(s\)|Time Elapsed' || [ "${PIPESTATUS[0]}" = 0 ]
done
mv .cache/building "$stamp"
