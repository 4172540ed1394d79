#!/usr/bin/env bash
# make test: sets up what the machine lacks, builds once, runs every suite, at most two at a time. Its last line is the sum over all suites;
# a failed test, a suite that crashed and a suite that printed no result all make it fail, and why they failed stands above that line.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh || exit 1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
echo "building"
dotnet build Chat.Cells.sln -v quiet -clp:NoSummary -nologo || { echo "the build failed"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
mkdir -p .cache && touch .cache/built

results=$PWD/artifacts/test
rm -rf "$results" artifacts/contracts && mkdir -p "$results"
started=$SECONDS

# One line per suite: name, then the command. Those of one part run two at a time, the long ones first; those that start a whole cluster have the machine to themselves.
# SUITES=regex runs only the suites whose names match. A test that runs for over a minute is named in its suite's log: it is the one that hangs when a suite is stopped.
dotnet_suites() { for project in "$@"; do [ -d "$project" ] && echo "$(basename "$project") dotnet test $project/$(basename "$project").csproj --no-build --nologo -- xUnit.DiagnosticMessages=true xUnit.LongRunningTestSeconds=60"; done; }
choose() { grep -E "^[^ ]*(${SUITES:-.})" || true; }
parts=$({ dotnet_suites operator/*.Tests cell/*.Tests router/*.Tests lib/*.Tests e2e/*History.Tests e2e/*Processes.Tests e2e/*Chaos.Tests e2e/*Bench.Tests; echo "web scripts/npm-test.sh cell/web"; } | choose)
whole=$({ dotnet_suites e2e/*E2E.Tests; echo "chaos scripts/chaos.sh --short --summary"; [ -f e2e/browser/package.json ] && echo "browser scripts/browser-test.sh"; true; } | choose)

run_suite() {
  local name=$1; shift
  local log=$results/$name.log begun=$SECONDS code=0 limit=${SUITE_TIMEOUT:-900}
  timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null || code=$?
  # dotnet test: "Passed!  - Failed: 0, Passed: 12, Skipped: 1, …"; node's runner: "# pass 12" or "ℹ pass 12", each on a line.
  local counts
  counts=$(awk '
    /(Passed!|Failed!|Skipped!) +- Failed:/ { match($0, /Failed: +[0-9]+/); f += substr($0, RSTART + 7, RLENGTH - 7); match($0, /Passed: +[0-9]+/); p += substr($0, RSTART + 7, RLENGTH - 7)
      match($0, /Skipped: +[0-9]+/); s += substr($0, RSTART + 8, RLENGTH - 8); seen = 1 }
    /^(#|ℹ) (pass|fail|cancelled|skipped|todo) [0-9]+$/ { seen = 1; if ($2 == "pass") p += $3; else if ($2 == "fail" || $2 == "cancelled") f += $3; else s += $3 }
    END { if (seen) print p + 0, f + 0, s + 0 }' "$log")
  local passed=0 failed=0 skipped=0 note="" ended="exit code $code"
  # Of timeout's own codes the second is a kill, which may also have come from elsewhere: from a machine without memory, for one.
  [ "$code" = 124 ] && ended="stopped after $limit s"
  [ "$code" = 137 ] && ended="killed after $((SECONDS - begun)) s of $limit"
  if [ -n "$counts" ]; then
    read -r passed failed skipped <<<"$counts"
    if [ "$code" != 0 ] && [ "$failed" = 0 ]; then failed=1; note=" ($ended: see $log)"; fi
  else
    failed=1; note=" (no result, $ended: see $log)"
  fi
  [ "$failed" != 0 ] && { echo "$name:"; scripts/test-failures.sh "$log"; } >"$results/$name.failures"
  [ "$failed" != 0 ] && note="$note $(grep -E '^ +Failed |^not ok |^✖ ' "$log" | grep -v 'failing tests:' | awk '!seen[$0]++' | head -20 | sed 's/^ */\n    /')"
  printf '%-32s %5d passed, %d failed, %d skipped, %d s%s\n' "$name" "$passed" "$failed" "$skipped" $((SECONDS - begun)) "$note"
  echo "$passed $failed $skipped" >"$results/$name.counts"
}
export -f run_suite
export results

run_all() { [ -z "$2" ] || tr '\n' '\0' <<<"$2" | xargs -0 -P "$1" -I{} bash -c '[ -z "{}" ] || run_suite {}'; }
run_all 2 "$parts"
run_all 1 "$whole"

count=$(printf '%s\n%s\n' "$parts" "$whole" | grep -c .)
have=$(find "$results" -name '*.counts' | wc -l)
echo "$count suites in $((SECONDS - started)) s"
scripts/contracts.sh || echo "contracts: artifacts/contracts can't be read"
find "$results" -name '*.failures' | sort | xargs -r cat
cat "$results"/*.counts | awk -v lost=$((count - have)) '{ p += $1; f += $2; s += $3 } END { f += lost; printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }'
