#!/usr/bin/env bash
# Why a suite failed, from what it printed: of each failed test its message, the first lines of its stack and of its output; of a suite that says nothing of tests, its last lines.
# Bounded in lines and in their length, for it is printed where somebody reads who can't look into the log.
set -euo pipefail
log=$1
said=$(awk '
  function open_part(limit) { left = limit; cut = 0 }
  function show(line) {
    if (left > 0) { print "    " (length(line) > 300 ? substr(line, 1, 300) " …" : line); left-- }
    else if (!cut) { print "    …"; cut = 1 }
  }
  # dotnet test: "  Failed Name [12 ms]", then parts with a heading each. What its runner prints meanwhile has a prefix of its own.
  /^\[xUnit\.net / { next }
  /^  Failed / { failures++; inside = failures <= 15; if (inside) { open_part(1); show(substr($0, 3)) } ; next }
  /^  (Passed|Skipped) / || /^(Passed|Failed|Skipped)! / || /^Test Run / || /^The active test run was aborted/ { inside = 0 }
  inside && /^  Error Message:/ { open_part(15); next }
  inside && /^  Stack Trace:/ { open_part(12); next }
  inside && /^  Standard (Output|Error) Messages:/ { open_part(25); show($0); next }
  inside { show($0); next }
  # The host of the tests died: what it said last.
  /^The active test run was aborted/ { failures++; aborted = 1; open_part(40) }
  aborted { show($0); next }
  # node: all failures once more at the end, under a heading.
  /^✖ failing tests:/ { failures++; node = 1; open_part(80); next }
  node { show($0) }
  END { if (failures > 15) print "    … and " failures - 15 " more"; exit failures == 0 }' "$log") || said=$(tail -n 40 "$log" | cut -c 1-300 | sed 's/^/    /')
printf '%s\n' "$said"
