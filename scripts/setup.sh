#!/usr/bin/env bash
# Installs what this machine lacks. `setup.sh run` takes only what running a cluster needs, `setup.sh kafka` also what --log kafka needs; without an argument,
# also what the tests need.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-test}

missing() { echo "setup: $*" >&2; exit 1; }

command -v dotnet >/dev/null || missing "the .NET SDK is missing. Get .NET 10 from https://dotnet.microsoft.com/download and put dotnet on the PATH."
dotnet --list-sdks | grep -qE '^1[0-9]\.' || missing "a .NET SDK of version 10 is needed; here are: $(dotnet --list-sdks | tr '\n' ' ')"
[ "$(uname -s)" = Linux ] || missing "a local cluster needs Linux, or WSL 2 on Windows."
command -v setsid >/dev/null || missing "setsid is missing (Debian package util-linux)."
[ "$what" = run ] && exit 0

if [ "$what" != kafka ]; then
  command -v node >/dev/null || missing "Node.js is missing (20 or newer): the JavaScript SDK and the page are tested with it."
  [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || missing "Node.js 20 or newer is needed; here is $(node --version)."
fi

# Debian packages: only those that are not there.
lacking=()
if [ "$what" != kafka ]; then
  command -v chromium >/dev/null || command -v google-chrome >/dev/null || lacking+=(chromium)
  command -v ss >/dev/null || lacking+=(iproute2)
  command -v npm >/dev/null || lacking+=(npm)
fi
if ! scripts/librdkafka.sh --print >/dev/null; then
  for tool in gcc make npm; do command -v $tool >/dev/null || [[ " ${lacking[*]} " = *" $tool "* ]] || lacking+=($tool); done
  for header in zstd.h:libzstd-dev openssl/ssl.h:libssl-dev zlib.h:zlib1g-dev stdio.h:libc6-dev; do
    [ -f "/usr/include/${header%%:*}" ] || lacking+=("${header##*:}")
  done
fi
command -v redis-server >/dev/null || lacking+=(redis-server)
if [ ${#lacking[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "setup: this machine lacks ${lacking[*]} and has no apt-get; install them yourself, or the tests that need them are skipped or fail." >&2
  else
    as_root=()
    if [ "$(id -u)" != 0 ]; then
      if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n); else as_root=(false); fi
    fi
    if [ "${as_root[0]:-}" = false ]; then
      echo "setup: this machine lacks ${lacking[*]}. As root: apt-get install -y ${lacking[*]}" >&2
    else
      echo "setup: installing ${lacking[*]}"
      { "${as_root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${lacking[@]}" >/dev/null; } ||
        echo "setup: apt-get did not install ${lacking[*]}; the tests that need them are skipped or fail." >&2
    fi
  fi
fi

# Without it the Kafka suites are skipped: it says why and what to do.
scripts/librdkafka.sh || true
[ "$what" = kafka ] && exit 0

# npm packages: once per lock file.
for folder in cell/web e2e/browser; do
  lock=$folder/package-lock.json
  [ -f "$lock" ] || continue
  if [ ! -f "$folder/node_modules/.package-lock.json" ] || [ "$lock" -nt "$folder/node_modules/.package-lock.json" ]; then
    echo "setup: npm packages of $folder"
    (cd "$folder" && npm ci --no-audit --no-fund --silent)
  fi
done
