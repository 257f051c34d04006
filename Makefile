# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# A process a core, with one thread each; a file's tests stay together, because they share what they trained.
FAST_TESTS := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/pytest -n auto --dist loadfile -m "not slow and not incumbent"

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-incumbent lint clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

demo: $(INSTALLED) ## Tune a reranker on the bundled handbook and benchmark it (no key, no GPU, no model hub)
	HF_HUB_OFFLINE=1 $(BIN)/rerank-tuner demo --overwrite

test: lint ## Check style, types and import rules, and run the tests that take under 30 s
	$(FAST_TESTS)

test-all: lint test-incumbent ## Everything CI runs, the slow tests among it
	$(FAST_TESTS)
	HF_HUB_OFFLINE=1 $(BIN)/pytest -m "slow and not incumbent"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-incumbent: $(VENV)-incumbent/.installed ## Test against the deprecated package, in an environment of its own
	HF_HUB_OFFLINE=1 $(VENV)-incumbent/bin/pytest -m incumbent tests/incumbent

# torch first and from its pin: a plain `torch` would bring gigabytes of CUDA packages.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[offline,plot,openai,documents,lora,search,tensorboard,onnx,openvino,redis,dev]'
	touch $@

$(VENV)-incumbent/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-incumbent
	$(VENV)-incumbent/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-incumbent/bin/python -m pip install --quiet "$$(grep '^torch==' constraints.txt)"
	$(VENV)-incumbent/bin/python -m pip install --quiet -e '.[finetuning]' 'pytest>=8.3' 'pytest-timeout>=2.3'
	touch $@

clean: ## Remove the environments and caches
	rm -rf $(VENV) $(VENV)-incumbent .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
