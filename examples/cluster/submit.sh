#!/usr/bin/env bash
# Submits a run to the Ray cluster at RAY_API_SERVER_ADDRESS (default: this machine's, started by `make cluster`) and
# follows it. Results go to OUTPUT_DIR, which all machines of the cluster must be able to write.
set -euo pipefail
cd "$(dirname "$0")/../.."
rewriter-agent submit examples/own_data/config.yaml \
  --set name=cluster-example \
  --set output_dir="${OUTPUT_DIR:-$PWD/runs}" \
  "$@"
