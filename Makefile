# `make demo` and `make test` are all that a new user needs; both make the environment first.

PYTHON ?= python3.11
VENV := .venv
CONFIG ?= complete_journey
BIN := $(VENV)/bin

.PHONY: demo test test-hostile lint format serve report check-page bench bench-quality bench-ablation bench-serving bench-retrieval bench-continuous bench-open-bandit bench-growth flink-jar check-flink kubeflow check-images lock environment clean

demo: environment ## Run the whole pipeline on public data, serve the model and ask it three questions
	$(BIN)/shelfwise demo $(CONFIG)

test: lint ## Lint and run the tests, a file at a time in each of up to four processes
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

test-hostile: environment ## Ask the embedded server thousands of malformed questions
	$(BIN)/python -m pytest tests/serving/test_hostile_grpc.py tests/serving/test_hostile_rest.py --hypothesis-profile=hostile

lint: environment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: environment ## Put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve: environment ## Serve the pushed versions on port 8500
	$(BIN)/shelfwise serve $(CONFIG)

report: environment ## Print the newest evaluation and write its page, runs/NAME/report/index.html
	$(BIN)/shelfwise report $(CONFIG)

check-page: environment ## Try the page's tables in a headless Chromium, which has to be installed
	$(BIN)/python -m pytest tests/pipeline/browser_checks.py

bench: bench-quality ## Measure the served quality, the join, the training, the latency, the evaluation and the cost of diversity
	$(BIN)/python -m benchmarks.request_examples
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.evaluation
	$(BIN)/python -m benchmarks.diversity
	$(BIN)/python -m benchmarks.similar

bench-quality: environment ## Judge the served model beside methods of others, on two public datasets
	$(BIN)/python -m benchmarks.quality

bench-ablation: environment ## Judge the model without each of its parts
	$(BIN)/python -m benchmarks.ablation

bench-serving: environment ## Time the embedded server beside the bare graph, and under load (a quarter of an hour)
	$(BIN)/python -m benchmarks.serving

bench-retrieval: environment ## Compare exact and approximate search, and ScaNN, on a million synthetic vectors
	$(BIN)/python -m benchmarks.retrieval

bench-growth: environment ## Time the join on 1, 10 and 30 synthetic copies of a sample, in the process and on Flink
	$(BIN)/python -m benchmarks.growth

flink-jar: environment ## Fetch what runs Beam's jobs on Flink, with Maven, and check its digests
	$(BIN)/python -m tools.flink.jars

check-flink: environment ## Compare what the components write on Flink, embedded and as a cluster, and in the process
	$(BIN)/python -m tools.flink.check

bench-open-bandit: environment ## Estimate, from logged lists alone, what another policy would have earned
	$(BIN)/python -m benchmarks.open_bandit

bench-continuous: environment ## Six weeks: warm start beside cold start and beside the first model
	$(BIN)/python -m benchmarks.continuous

kubeflow: environment ## Compile the pipeline for Kubeflow Pipelines: $(CONFIG).yaml
	$(BIN)/shelfwise kubeflow compile $(CONFIG) --output $(CONFIG).yaml

check-images: ## Run the Dockerfiles' commands in clean root file systems; as root, with debootstrap
	$(PYTHON) -m tools.images.check

COMPILE = $(BIN)/uv pip compile --override overrides.txt --python $(BIN)/python --generate-hashes --no-emit-index-url \
	--no-header --no-annotate --quiet

lock: environment ## Resolve requirements.in anew, and what of it the images install
	$(COMPILE) requirements.in --output-file requirements.lock
	sed '/^# Development/,$$d' requirements.in | $(COMPILE) - --constraint requirements.lock \
		--output-file kubeflow/images/requirements.lock
	echo "tensorflow[and-cuda]" | $(COMPILE) - --constraint requirements.lock | awk '/^[a-z]/ { keep = /^nvidia-/ } keep' \
		> kubeflow/images/cuda.lock

environment:
	@$(PYTHON) tools/create_environment.py $(VENV)

clean: ## Remove the environment, downloads, data and runs
	rm -rf $(VENV) .venv-peers .cache data runs
