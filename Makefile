# `make help` lists the targets. Each sets up what it needs in .venv first (tools/setup.sh).
.DEFAULT_GOAL := help
.PHONY: help demo lab labs site check test lowest parity release lint bench record
.PHONY: notebooks clean distclean

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Hundreds of interpreters are started: none shall compile again what another has compiled.
unexport PYTHONDONTWRITEBYTECODE
# Tests and notebooks run side by side, one a core: more threads in each would only get in the way.
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# No network, no progress file, no GPU, no bars in outputs; an error in a widget's callback is one.
strict := ANL_EDU_OFFLINE=1 ANL_EDU_PROGRESS=off ANL_EDU_STRICT=1 ANL_EDU_DEVICE=cpu TQDM_DISABLE=1
# In the order given, the browser's long files come first and no core waits at the end.
side_by_side := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
nbval := --nbval-lax --nbval-current-env --nbval-cell-timeout 300 --nbval-sanitize-with tests/nbval.cfg
lessons := $(wildcard notebooks/*.ipynb notebooks/labs/*.ipynb)

$(VENV)/.ready-%: pyproject.toml tools/setup.sh
	@tools/setup.sh $*

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{ printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready-base ## train four losses on digits with 60 % wrong labels; table and build/demo.html
	@anl-edu demo $(ARGS)

lab: $(VENV)/.ready-lab ## open JupyterLab at lesson 00
	@jupyter lab notebooks/00-start-here.ipynb

labs: $(VENV)/.ready-labs ## make an nbgrader course of the graded labs in build/labs
	@python tools/labs.py $(ARGS)

site: $(VENV)/.ready-site ## build the web site into build/site, from the committed notebooks
	@$(one_thread) ANL_EDU_OFFLINE=1 python site/make.py $(ARGS)

check: $(VENV)/.ready-test ## lint, types and the quick tests: before each commit
	@failed=; \
	$(MAKE) --no-print-directory lint || failed="$$failed lint"; \
	$(one_thread) $(strict) pytest -q $(side_by_side) -m 'not slow and not browser' tests $(ARGS) \
	    || failed="$$failed pytest"; \
	if [ -n "$$failed" ]; then echo "make check failed in:$$failed" >&2; exit 1; fi

test: $(VENV)/.ready-test ## lint, types, package, every notebook, lessons in a real browser
	@failed=; \
	$(MAKE) --no-print-directory lint || failed="$$failed lint"; \
	$(one_thread) $(strict) pytest $(side_by_side) \
	    $(nbval) tests $(lessons) $(ARGS) \
	    || failed="$$failed pytest"; \
	if [ -n "$$failed" ]; then echo "make test failed in:$$failed" >&2; exit 1; fi

lowest: build/lowest/.ready ## the package's tests on the lowest versions allowed (Python 3.11, uv)
	@PATH="$(CURDIR)/build/lowest/bin:$$PATH" $(one_thread) $(strict) pytest -q $(side_by_side) \
	    -W ignore::DeprecationWarning -m 'not browser' tests $(ARGS)

build/lowest/.ready: pyproject.toml | $(VENV)/.ready-test
	@rm -rf build/lowest
	@uv venv --quiet --python $(VENV)/bin/python build/lowest
	@uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct -e '.[most]'
	@touch $@

parity: $(VENV)/.ready-test ## every lesson in environments like Colab's, Binder's, and with all newest
	@python tools/parity.py $(ARGS)

release: $(VENV)/.ready-test ## build dist/, check it, install it elsewhere and use it there
	@python tools/release.py $(ARGS)

lint: $(VENV)/.ready-test ## ruff (check and format, notebooks too) and mypy
	@failed=; \
	ruff check || failed=1; \
	ruff format --check || failed=1; \
	mypy || failed=1; \
	[ -z "$$failed" ]

bench: $(VENV)/.ready-test ## measure losses, training, the playground and the site on this machine
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script" $(ARGS) || exit 1; done

record: $(VENV)/.ready-base ## record a grid of runs: make record ARGS='--loss ce --noise symmetric:0.6'
	@anl-edu record $(ARGS)

notebooks: $(VENV)/.ready-test ## re-execute and normalise every notebook (needs Chromium)
	@python tools/published.py
	@python tools/notebooks.py $(lessons)

clean: ## remove what was built; keeps .venv and downloaded data
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find anl_edu tests tools benchmarks site notebooks \
	    \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf $(VENV) *.egg-info dist
