#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/../$1"
exec npm test --silent
