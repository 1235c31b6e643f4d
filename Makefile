# `make help` lists the targets. Each sets up what it needs in .venv first (tools/setup.sh).
.DEFAULT_GOAL := help
.PHONY: help demo lab test oldest lint bench record notebooks clean distclean

VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Tests and notebooks run side by side, one a core: more threads in each would only get in the way.
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# No network, no progress file, and an error in a widget's callback is an error.
strict := ANL_EDU_OFFLINE=1 ANL_EDU_PROGRESS=off ANL_EDU_STRICT=1
lessons := $(wildcard notebooks/*.ipynb notebooks/labs/*.ipynb)

$(VENV)/.ready-%: pyproject.toml tools/setup.sh
	@tools/setup.sh $*

help: ## show this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.ready-base ## train four losses on digits with 60 % wrong labels; table and build/demo.html
	@anl-edu demo $(ARGS)

lab: $(VENV)/.ready-lab ## open JupyterLab at lesson 00
	@jupyter lab notebooks/00-start-here.ipynb

test: $(VENV)/.ready-test ## lint, types, package, every notebook, lessons in a real browser
	@failed=; \
	$(MAKE) --no-print-directory lint || failed="$$failed lint"; \
	$(one_thread) $(strict) pytest -n logical --maxprocesses 4 --dist loadfile \
	    --nbval-lax --nbval-current-env --nbval-cell-timeout 300 tests $(lessons) $(ARGS) \
	    || failed="$$failed pytest"; \
	if [ -n "$$failed" ]; then echo "make test failed in:$$failed" >&2; exit 1; fi

oldest: $(VENV)/.ready-test ## the widgets' tests on the oldest ipywidgets and plotly allowed
	@command -v uv >/dev/null && pip="uv pip" || pip="python -m pip"; \
	$$pip install --quiet --target build/oldest --no-deps --upgrade \
	    'ipywidgets==7.7.*' 'plotly==5.24.*' ipython_genutils tenacity
	@PYTHONPATH=build/oldest $(one_thread) $(strict) pytest -q -n logical --maxprocesses 4 \
	    -W ignore::DeprecationWarning tests/test_dashboard.py tests/test_explore.py $(ARGS)

lint: $(VENV)/.ready-test ## ruff (check and format, notebooks too) and mypy
	@failed=; \
	ruff check || failed=1; \
	ruff format --check || failed=1; \
	mypy || failed=1; \
	[ -z "$$failed" ]

bench: $(VENV)/.ready-base ## measure the losses and the training loop on this machine
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script" $(ARGS) || exit 1; done

record: $(VENV)/.ready-base ## record a grid of runs: make record ARGS='--loss ce --noise symmetric:0.6'
	@anl-edu record $(ARGS)

notebooks: $(VENV)/.ready-author ## re-execute and normalise every notebook (needs Chromium)
	@python tools/notebooks.py $(lessons)

clean: ## remove what was built; keeps .venv and downloaded data
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find anl_edu tests tools benchmarks notebooks \
	    \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf $(VENV) *.egg-info
