#!/usr/bin/env bash
# Says what each port's contract suite ran against, from what the suites left in artifacts/contracts: one file per port and engine,
# "ran<TAB>version" or "skipped<TAB>reason". Every engine that was left out is named with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d artifacts/contracts ] || exit 0
find artifacts/contracts -type f -name 'I*.*' -printf '%f\t' -exec head -n1 {} \; | sort | awk -F'\t' '
  { dot = index($1, "."); port = substr($1, 1, dot - 1); engine = substr($1, dot + 1)
    if (!(port in seen)) { order[++n] = port; seen[port] = 1 }
    if ($2 == "ran") ran[port] = ran[port] (ran[port] ? ", " : "") engine ($3 ? " " $3 : "")
    else skipped[port] = skipped[port] (skipped[port] ? ", " : "") engine " (" $3 ")" }
  END { if (!n) exit
    line = "contracts: "
    for (i = 1; i <= n; i++) { p = order[i]; line = line (i > 1 ? " · " : "") p ": " (ran[p] ? ran[p] : "nothing") (skipped[p] ? "; skipped: " skipped[p] : "") }
    print line }'
