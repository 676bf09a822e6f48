# Everything a developer or a user types. `make` alone explains itself.

VENV        := .venv
BIN         := $(VENV)/bin
PYTHON      := $(shell command -v python3.11 || command -v python3)
PIP         := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO_SECONDS ?= 90
TEST_JOBS   ?= 2
TEST_ARGS   ?=
CHAOS_MINUTES ?= 30
CHAOS_SEED  ?=
FUZZ_FILES  ?= 2000
WEIGHTS     := yolov8n.onnx
CODE        := benchmarks capture_service face_worker rtsp_emulator shared_utils tests vedette video_worker

# Stamps remember what was installed; they are older than what they depend on when that has changed.
LOCAL       := $(VENV)/.local-installed
PICTURES    := $(VENV)/.pictures-installed
DEV         := $(VENV)/.dev-installed

export DEMO_SECONDS

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test fuzz check format bench faults chaos up down logs test-compose ultralytics lock clean

help: ## Show this list
	@echo "Usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(LOCAL) ## Install Vedette into .venv (needs Python 3.11)

demo: $(LOCAL) $(PICTURES) ## See it work without a camera (DEMO_SECONDS=90)
	@$(BIN)/vedette demo

test: $(DEV) $(PICTURES) ## Run the tests (MODELS_DIR, MEDIA_DIR: more of them; TEST_ARGS: for pytest)
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal -m "not compose and not endurance" $(TEST_ARGS)

fuzz: $(DEV) ## Try broken files that the tests do not have (FUZZ_FILES=2000)
	$(BIN)/python -m tests.fuzz $(FUZZ_FILES)

check: $(DEV) ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEV) ## Format the code, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV) $(PICTURES) ## Measure against the naive way, about an hour (BENCH_MINUTES=2: many cameras for less long)
	$(BIN)/python -m benchmarks

faults: $(DEV) $(PICTURES) ## Break everything that can break, count what is lost, and write the table of it
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal $(TEST_ARGS) tests/faults --fault-table benchmarks/RESULTS.md

chaos: $(DEV) $(PICTURES) ## Break everything at random, then check what is left (CHAOS_MINUTES=30, CHAOS_SEED)
	@$(BIN)/python -m benchmarks.chaos --minutes $(CHAOS_MINUTES) $(if $(CHAOS_SEED),--seed $(CHAOS_SEED)) \
		--results benchmarks/RESULTS.md

up: .env models-once ## Start everything with Docker
	@docker compose up --detach --build || { docker compose logs --no-log-prefix prepare >&2; exit 1; }
	@echo "It runs. What happens: make logs. What was found: video/detections_log.jsonl. Stop: make down."

down: ## Stop what `make up` started; recordings and queued tasks stay
	docker compose --profile demo --profile models down

logs: ## Follow the logs of the containers
	docker compose logs --follow --tail 50

test-compose: $(DEV) $(PICTURES) ## Prove the containers on a real Docker engine
	$(BIN)/python -m pytest -m compose $(TEST_ARGS) tests/compose

ultralytics: $(LOCAL) ## Add Ultralytics and torch to .venv, for .pt weights and their export (optional)
	$(PIP) install -r requirements/torch.txt
	$(PIP) install --no-deps -r requirements/ultralytics.txt

lock: ## Pin the newest versions in requirements/*.txt (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 1; }
	cd requirements && for name in dev base capture emulator worker worker-gpu face face-gpu local pictures; do \
		constraint=$$(test $$name = dev || echo "-c dev.txt"); \
		nodeps=$$(test $$name != pictures || echo --no-deps); \
		gpu=$$(test $$name = $${name%-gpu} || echo "--override overrides-gpu.txt"); \
		uv pip compile --upgrade --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
			--override overrides.txt $$gpu $$constraint $$nodeps $$name.in --output-file $$name.txt || exit 1; \
	done

clean: ## Remove .venv, caches and the demo's files; recordings in video/ stay
	rm -rf $(VENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Vedette needs Python 3.11, found: $$('$(PYTHON)' --version 2>&1 || echo none)."; \
		echo "Install it (Debian 12: apt install python3.11 python3.11-venv), or: make setup PYTHON=/path/to/python3.11"; \
		exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { \
		echo "Python has no venv. On Debian and Ubuntu: apt install python3.11-venv"; rm -rf $(VENV); exit 1; }

# --no-deps: the files name the whole closure, and some wheels ask for an OpenCV that must not be there.
$(LOCAL): requirements/local.txt pyproject.toml | $(BIN)/python
	@echo "Installing Vedette into $(VENV), about a minute"
	@$(PIP) install --no-deps -r requirements/local.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(PICTURES): requirements/pictures.txt | $(BIN)/python
	@echo "Installing the photographs for the demo scene"
	@$(PIP) install --no-deps -r requirements/pictures.txt
	@touch $@

$(DEV): requirements/dev.txt $(LOCAL)
	@echo "Installing what tests and checks need"
	@$(PIP) install --no-deps -r requirements/dev.txt
	@touch $@

# The address is in single quotes: a `$` in a password means itself. The recordings belong to who makes them; root's
# belong to user 1000, since no container runs as root.
.env:
	@printf 'RTSP address of the camera, such as rtsp://user:password@192.168.1.20:554/stream1: ' >&2; \
	read -r url; case "$$url" in \
		"") echo "No address given. By hand: cp .env.example .env" >&2; exit 1;; \
		*\'*|*[[:space:]]*) echo "Write a quote in the address as %27, a blank as %20." >&2; exit 1;; \
		rtsp://?*|rtsps://?*) ;; \
		*) echo "The address must begin with rtsp:// or rtsps://. Nothing was written." >&2; exit 1;; \
	esac; \
	umask 077; URL="$$url" USER_ID="$$(id -u)" GROUP_ID="$$(id -g)" \
	PASSWORD="$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" awk \
		'/^RTSP_URL=/ { print "RTSP_URL=\047" ENVIRON["URL"] "\047"; next } \
		/^# PUID=/ && ENVIRON["USER_ID"] { print "PUID=" ENVIRON["USER_ID"]; next } \
		/^# PGID=/ && ENVIRON["USER_ID"] { print "PGID=" ENVIRON["GROUP_ID"]; next } \
		/^#? ?REDIS_PASSWORD=/ { print "REDIS_PASSWORD=" ENVIRON["PASSWORD"]; next } { print }' \
		.env.example > $@

# The image that fetches weights is large, so it is not even built where they lie. Without them `make up` goes on: what
# is recorded is looked at by a detector that needs none.
.PHONY: models-once
models-once: .env
	@folder="$${MODELS_DIR:-$$(sed -n 's/^ *MODELS_DIR *= *//p' .env | tail -n 1 | tr -d "\"'")}"; \
	folder="$${folder:-./models}"; \
	licence="$${INSIGHTFACE_LICENCE:-$$(sed -n 's/^ *INSIGHTFACE_LICENCE *= *//p' .env | tail -n 1 | tr -d "\"'")}"; \
	faces() { ls "$$folder"/insightface/models/*/*.onnx >/dev/null 2>&1; }; \
	if test -s "$$folder/$(WEIGHTS)" && { faces || test "$$licence" != accepted; }; then \
		echo "The weights are there: $$folder/$(WEIGHTS)"; \
	elif ! docker compose run --rm --build models; then \
		printf '\n%s\n%s\n\n' \
			"NOTICE: not all weights could be brought. Without YOLOv8 people only are found, by OpenCV's HOG." \
			"When this machine has internet: docker compose run --rm models && docker compose restart video-worker" >&2; \
	fi; \
	faces || printf '%s\n%s\n' \
		"Nobody is recognised yet: the weights for faces are for non-commercial research only, and come after your yes:" \
		"docker compose run --rm models buffalo_l"
