#!/usr/bin/env bash
# Builds Kafka's native client librdkafka once, from the sources in Confluent's npm package, and keeps it in a cache that all clones share:
# ${XDG_CACHE_HOME:-~/.cache}/chat-cells/librdkafka-2.15.1/librdkafka.so.1. Engines/Kafka/LibrdkafkaLoader finds it there.
# The .NET package librdkafka.redist, which carries it ready-made, isn't on every feed. `--print` only says where it is; 1 when it isn't built.
set -euo pipefail
cd "$(dirname "$0")/.."
version=2.15.1
package=@confluentinc/kafka-javascript@1.10.1
# Of the package's tarball: what is compiled here is what was looked at.
sha512=29578f5019f6d44a8254ff667f1cc4b8cdd26091c7105ed7fa2882d9ee374108034b211a92c2279821a8a13df0e6af9c340764482acaef58f42027eaa12a992f
folder=${XDG_CACHE_HOME:-$HOME/.cache}/chat-cells/librdkafka-$version
library=$folder/librdkafka.so.1

if [ -n "${CHATCELLS_LIBRDKAFKA:-}" ] && [ -f "$CHATCELLS_LIBRDKAFKA" ]; then
  [ "${1:-}" = --print ] && echo "$CHATCELLS_LIBRDKAFKA"
  exit 0
fi
if [ -f "$library" ]; then
  [ "${1:-}" = --print ] && echo "$library"
  exit 0
fi
[ "${1:-}" = --print ] && exit 1

failed() {
  echo "setup: librdkafka was not built: $*" >&2
  echo "setup: without it the Kafka suites are skipped and --log kafka can't be used; everything else works. docs/kafka.md says how to build it by hand." >&2
  exit 1
}
for tool in npm gcc make tar sha512sum; do
  command -v "$tool" >/dev/null || failed "$tool is missing (Debian packages: npm gcc libc6-dev make libzstd-dev libssl-dev zlib1g-dev)."
done

mkdir -p "$folder" || failed "$folder can't be made; set XDG_CACHE_HOME to a folder that can be written."
# Two clones that set up at once: the second waits and finds it built.
exec 9>"$folder/.lock"
flock 9
[ -f "$library" ] && exit 0

work=$(mktemp -d "$folder/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$folder/build.log
: >"$log"
echo "setup: librdkafka $version, built once for this machine (2 to 4 minutes); log: $log"
step() { echo "setup:   $1"; }

step "1/3 fetch $package"
(cd "$work" && npm pack --silent "$package") >>"$log" 2>&1 || failed "npm could not fetch $package (npm's registry out of reach?). See $log"
tarball=$(find "$work" -maxdepth 1 -name '*.tgz' -print -quit)
echo "$sha512  $tarball" | sha512sum --check --status || failed "the fetched $package is not the expected one (its SHA-512 differs)."
tar -xzf "$tarball" -C "$work" package/deps/librdkafka
cd "$work/package/deps/librdkafka"

step "2/3 configure"
./configure --disable-gssapi --disable-curl --disable-lz4-ext --enable-zstd --enable-ssl >>"$log" 2>&1 \
  || failed "configure failed: on Debian, apt-get install gcc libc6-dev make libzstd-dev libssl-dev zlib1g-dev. See $log"
for needed in SSL ZSTD ZLIB; do
  grep -q "#define WITH_$needed 1" config.h || failed "it would lack $needed: on Debian, apt-get install libzstd-dev libssl-dev zlib1g-dev. See $log"
done

total=$(find src -name '*.c' | wc -l)
step "3/3 compile $total files"
make -j"$(nproc)" libs >>"$log" 2>&1 &
make=$!
while kill -0 $make 2>/dev/null; do
  [ -t 1 ] && printf '\rsetup:   %s of %s files' "$(find src -name '*.o' | wc -l)" "$total"
  sleep 1
done
[ -t 1 ] && printf '\r\033[K'
wait $make || failed "the compiler failed. See $log"
[ -f src/librdkafka.so.1 ] || failed "make gave no src/librdkafka.so.1. See $log"
strip --strip-unneeded -o "$work/librdkafka.so.1" src/librdkafka.so.1 2>>"$log" || cp src/librdkafka.so.1 "$work/librdkafka.so.1"
# Whole or not at all.
mv "$work/librdkafka.so.1" "$library"
echo "setup: librdkafka is at $library"
