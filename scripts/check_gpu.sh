#!/usr/bin/env bash
# Proves that requirements/gpu.txt is consistent: uv resolves it for Linux on x86-64 and installs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'uv==0.13.9'
# uv does not read pip's settings.
[ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="$PIP_CERT"
"$folder/venv/bin/uv" pip compile --quiet requirements/gpu.txt --output-file "$folder/resolved.txt" \
  --python-version 3.11 --python-platform x86_64-manylinux_2_28
echo "gpu profile: $(grep -c '==' "$folder/resolved.txt") packages resolve;" \
  "$(grep -E '^(torch|vllm|transformers|trl|bitsandbytes)==' "$folder/resolved.txt" | xargs)"
