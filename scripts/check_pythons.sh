#!/usr/bin/env bash
# Proves that every pinned package has a build for each supported Python on x86-64 Linux: resolves, installs nothing.
# A version without a patch means its first one: 3.11 is 3.11.0.
#   PYTHONS="3.11 3.12"   (default: all supported ones)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Published as source alone, which is built on your machine for any Python.
sources='cellpylib|deepspeed|langdetect|pycosat|rouge-score|sqlitedict|word2number|zss'
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
pins=(requirements/cpu.txt requirements/docs.txt)
grep -hvE "^($sources)==" "${pins[@]}" > "$folder/pins.txt"
for version in ${PYTHONS:-3.11 3.12 3.13 3.14}; do
  "$folder/venv/bin/uv" pip compile --quiet --no-deps --no-header --only-binary :all: --python-version "$version" \
    --python-platform x86_64-manylinux_2_35 "$folder/pins.txt" -o "$folder/$version.txt"
  echo "Python $version: $(grep -c '==' "$folder/$version.txt") packages have a build, $(cat "${pins[@]}" | grep -cE "^($sources)==") come as source"
done
