#!/usr/bin/env bash
# Proves that requirements/gpu.txt is consistent: pip resolves it and installs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'pip==26.3'
"$folder/venv/bin/pip" install --quiet --dry-run --report "$folder/report.json" -r requirements/gpu.txt
"$folder/venv/bin/python" - "$folder/report.json" <<'PY'
import json, sys
names = {i["metadata"]["name"].lower(): i["metadata"]["version"] for i in json.load(open(sys.argv[1]))["install"]}
print(f"gpu profile: {len(names)} packages resolve; " + ", ".join(f"{n} {names[n]}" for n in ("torch", "vllm", "transformers", "trl")))
PY
