SHELL := /bin/bash
PROFILE ?= cpu
PYTHON ?= python3
CONFIG ?= configs/demo.yaml
SET ?=
PYTEST ?=
# A submitted job runs in a copy of this folder that Ray removes afterwards, so results go to a path outside the copy.
OUTPUT_DIR ?= $(CURDIR)/runs
BIN := .venv/bin
STAMP := .venv/.installed-$(PROFILE)
DOCS_STAMP := .venv/.installed-docs
PACKAGES := rewriter_agent reward cluster sft
# Ray's commands have different defaults if the mode is not set.
export RAY_AUTH_MODE ?= token
export PROFILE PYTHON TORCH_INDEX

.DEFAULT_GOAL := help
.PHONY: docs help install demo run gap compare sweep dashboard serve study test test-fast test-long check broken-lines format check-gpu check-pythons check-container bench bench-start bench-reward bench-rewriting bench-sft bench-evaluation bench-fleet bench-engine bench-grpo bench-service gpu-acceptance chaos partition fuzz lab lab-backbone cluster submit stop clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  Variables: CONFIG=configs/x.yaml  SET='--set train.max_steps=5'  PROFILE=cpu|gpu  PYTHON=python3.11"

$(STAMP): requirements/$(PROFILE).txt pyproject.toml scripts/install.sh
	@scripts/install.sh

install: $(STAMP) ## Create .venv with every pinned package

demo: $(STAMP) ## Run all stages on a real LLM, on a Ray cluster of its own
	@$(BIN)/rewriter-agent run configs/demo.yaml $(SET)

run: $(STAMP) ## Run all stages of CONFIG
	@$(BIN)/rewriter-agent run $(CONFIG) $(SET)

gap: $(STAMP) ## Measure how far CONFIG's data is from its model, without training
	@$(BIN)/rewriter-agent gap $(CONFIG) $(SET)

sweep: $(STAMP) ## Fine-tune CONFIG with every weight, learning rate and seed of its sft.sweep
	@$(BIN)/rewriter-agent sweep $(CONFIG) $(SET)

dashboard: $(STAMP) ## Create CONFIG's W&B workspace and report (SET=--dry-run lists the panels)
	@$(BIN)/rewriter-agent dashboard $(CONFIG) $(SET)

compare: $(STAMP) ## Rewrite CONFIG's problems by every strategy at equal rollouts and compare
	@$(BIN)/rewriter-agent compare $(CONFIG) $(SET)

serve: $(STAMP) ## Answer requests for rewrites over HTTP: make serve RUN=runs/demo (without RUN: the laboratory by prompt)
	@$(BIN)/rewriter-agent serve $(or $(RUN),configs/lab.yaml --strategy best_of_n) $(SET)

study: $(STAMP) ## Compare arms over learning rates and seeds: make study CONFIG=configs/study-lab.yaml
	@$(BIN)/rewriter-agent study $(CONFIG) $(SET)

test: test-fast ## Run all tests except the long ones
	@$(BIN)/python -m pytest -m "slow and not long" $(PYTEST)

test-long: $(STAMP) ## Run the long tests: an hour on two cores (PART=2/16: one of sixteen parts)
	@$(BIN)/python -m pytest -m long $(if $(PART),--part $(PART)) $(PYTEST)

test-fast: $(STAMP) ## Run the tests that start no engine
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal $(PYTEST)

check: $(STAMP) ## Check lint, format, types and language
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/ty check $(PACKAGES) && $(BIN)/python scripts/prose_lint.py

docs: $(DOCS_STAMP) ## Build the documentation site in build/docs; a dead link fails
	@$(BIN)/python -m rewriter_agent.config.reference > docs/reference/config.md
	@$(BIN)/sphinx-build -q -W --keep-going -n -b html docs build/docs
	@echo "docs: build/docs/index.html"

$(DOCS_STAMP): $(STAMP) requirements/docs.txt
	@$(BIN)/python -m pip --disable-pip-version-check -qq install --no-deps -r requirements/docs.txt
	@touch $@

format: $(STAMP) ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

broken-lines: $(STAMP) ## Break twenty lines one by one in a copy of the code, and name the test that fails
	@$(BIN)/python scripts/broken_lines.py

check-gpu: ## Resolve the GPU profile without installing it
	@scripts/check_gpu.sh

check-pythons: ## Look for a build of every pinned package for each supported Python, without installing it
	@scripts/check_pythons.sh

check-container: ## Lint the Containerfile
	@scripts/check_container.sh

bench: $(STAMP) ## Measure the speed of each part on this machine
	@$(BIN)/python -m benchmarks.speed $(SET)

bench-start: $(STAMP) ## Measure the time from the command to the first line and to the first scores, by `run` and by `launch`
	@$(BIN)/python -m benchmarks.start $(SET)

bench-reward: $(STAMP) ## Compare answer checks with math-verify, measure coverage, and compare group scoring with one text at a time
	@$(BIN)/python -m benchmarks.verifier
	@$(BIN)/python -m benchmarks.coverage
	@$(BIN)/python -m benchmarks.group_reward $(SET)

bench-rewriting: $(STAMP) ## Compare the rewriting job with bare engine calls; rows per second and memory
	@$(BIN)/python -m benchmarks.rewriting_engine $(SET)
	@$(BIN)/python -m benchmarks.rewriting
	@$(BIN)/python -m benchmarks.chats

bench-sft: $(STAMP) ## Compare fine-tuning with TRL's SFTTrainer: tokens per second, memory, packing
	@$(BIN)/python -m benchmarks.sft $(SET)

bench-evaluation: $(STAMP) ## Compare retention on the fleet with lm-evaluation-harness on the same items
	@$(BIN)/python -m benchmarks.harness $(SET)

bench-fleet: $(STAMP) ## Measure the fleet's overhead: 256 sleeping engines, a million requests
	@$(BIN)/python -m benchmarks.fleet_simulation $(SET)

bench-engine: $(STAMP) ## Compare a fleet of one engine with bare LLM.generate, and two engines with one of two threads
	@$(BIN)/python -m benchmarks.fleet_engine $(SET)

bench-grpo: $(STAMP) ## Compare a GRPO step with TRL's own generation, and with learner and engines in turns or overlapped
	@$(BIN)/python -m benchmarks.grpo_step $(SET)

bench-service: $(STAMP) ## Compare the service with the rewriting job; hostile requests, memory, kills (COUNT=100000 SECONDS=600: longer)
	@$(BIN)/python -m benchmarks.service $(SET)
	@$(BIN)/python -m benchmarks.service_hostile --count $(or $(COUNT),2000)
	@$(BIN)/python -m benchmarks.service_memory --count $(or $(COUNT),2000)
	@$(BIN)/python -m benchmarks.service_faults --seconds $(or $(SECONDS),90) --pause 20
	@$(BIN)/python -m benchmarks.service_faults configs/lab.yaml --seconds $(or $(SECONDS),90) --pause 20

gpu-acceptance: ## Install the GPU profile, run every CUDA path in small, and write OUTPUT/acceptance.md
	@$(MAKE) --no-print-directory install PROFILE=gpu
	@$(BIN)/python -m benchmarks.acceptance --output $(or $(OUTPUT),acceptance) $(SET)

chaos: $(STAMP) ## Kill a run's processes KILLS times (100) and compare it with an undisturbed run
	@KILLS=$(or $(KILLS),100) $(BIN)/python -m pytest -m slow -s tests/e2e/test_chaos.py

partition: $(STAMP) ## Test a failing link between engines and learner (root; network namespaces)
	@PARTITION=1 $(BIN)/python -m pytest -m slow -s tests/e2e/test_partition.py

fuzz: $(STAMP) ## Grade 100,000 hostile answers: no hang, no crash, no memory growth
	@$(BIN)/python -m benchmarks.fuzz

lab: $(STAMP) ## Run the laboratory's lessons: base, SFT on expert and on rewritten data, two seeds, one report
	@$(BIN)/rewriter-agent run configs/lab-lessons.yaml --seeds 0 1 $(SET)

lab-backbone: $(STAMP) ## Pre-train the laboratory's two backbones (an hour or two) and install them
	@$(BIN)/python -m rewriter_agent.lab --install
	@$(BIN)/python -m rewriter_agent.lab --model lab-lessons --install

cluster: $(STAMP) ## Start a Ray head on this machine, all its servers on loopback
	@umask 077 && $(BIN)/ray get-auth-token --generate >/dev/null
	@chmod 600 ~/.ray/auth_token
	@RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 PATH="$(CURDIR)/.venv/bin:$$PATH" $(BIN)/ray start --head --dashboard-host=127.0.0.1 --disable-usage-stats

submit: $(STAMP) ## Submit CONFIG to the cluster at RAY_API_SERVER_ADDRESS (default: this machine's)
	@$(BIN)/rewriter-agent submit $(CONFIG) --set output_dir=$(OUTPUT_DIR) $(SET)

stop: $(STAMP) ## Stop all Ray processes of this machine
	@$(BIN)/ray stop

clean: ## Remove .venv and caches; runs/ stays
	@rm -rf .venv .pytest_cache .ruff_cache *.egg-info
