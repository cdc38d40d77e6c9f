# A machine needs only make and Python 3.11, 3.12 or 3.13; each target installs what it needs, most of them in one
# environment, `.venv`. To use another Python than python3, run `make PYTHON=python3.13 test` in a fresh clone or
# after `make clean`.
PYTHON ?= python3
# The newest Python that tensorflow-addons and tflite-support support.
OLD_PYTHON ?= $(or $(shell command -v python3.11),$(PYTHON))
PYTEST = bin/python -m pytest
# Debian's packages are installed as root.
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),sudo -n)

.PHONY: quickstart test docs notebooks lint test-backends test-distributed test-slow test-damage test-portable test-old-stack test-metadata test-web test-faults parity wheel benchmark clean

quickstart: .venv/with-quickstart  ## Train, save, export and draw a small model, on real scans of digits
	.venv/bin/keras-mixers quickstart --overwrite

test: lint  ## Everyday checks: lint, types, tests, the examples of README and docs
	.venv/$(PYTEST) -n 2 --dist loadfile

lint: .venv/with-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test-backends: .venv/with-backends  ## The same numbers on TensorFlow, JAX and torch
	.venv/$(PYTEST) -m backends

test-distributed: .venv/with-dev  ## Several replicas and workers equal one device; killed runs resume
	.venv/$(PYTEST) -m distributed -n 2 --dist loadgroup -rP

test-slow: .venv/with-dev  ## Published recipes, the accuracy of the quick ones and of their TFLite files
	.venv/$(PYTEST) -m slow -n 2 --dist loadfile

test-damage: .venv/with-portable  ## Thousands of damaged files, disks that fail at random points, random kills
	.venv/$(PYTEST) -m damage -n 2 --dist loadfile -rP

test-portable: .venv/with-portable  ## TFLite, ONNX and OpenVINO convert the layers
	.venv/$(PYTEST) -m portable -n 2

test-old-stack: .venv/with-dev .venv-old-stack/installed  ## TensorFlow 2.15 and tensorflow-addons fine-tune the exports
	rm -rf build/old-stack
	.venv/bin/python -m tests.old_stack.export build/old-stack
	OLD_STACK_EXPORTS=build/old-stack .venv-old-stack/$(PYTEST) -c tests/old_stack/pytest.ini tests/old_stack/test_fine_tuning.py

test-metadata: .venv/with-dev .venv-tflite-support/installed  ## Google's tflite-support reads the TFLite files
	rm -rf build/tflite-support
	.venv/bin/python -m tests.tflite_support.export build/tflite-support
	TFLITE_FILES=build/tflite-support .venv-tflite-support/$(PYTEST) -c tests/tflite_support/pytest.ini tests/tflite_support/test_metadata.py

test-web: .venv/with-web node_modules/.package-lock.json  ## The web page of an export, in Chromium
	.venv/$(PYTEST) -m web

test-faults: .venv/with-dev  ## Break the code in twelve places: the everyday tests must notice each
	.venv/bin/python -m tests.faults

notebooks: .venv/with-notebooks  ## Run the notebooks; build/notebooks has them with their pictures
	mkdir -p build/notebooks
	for name in notebooks/*.py; do .venv/bin/jupytext --quiet --to ipynb --output build/$${name%.py}.ipynb $$name || exit; done
	.venv/bin/jupyter execute --inplace build/notebooks/*.ipynb

docs: .venv/with-docs  ## Build the site in build/site; a link to nowhere or a page without a place is an error
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build

parity: .venv-reference/installed  ## Compare every variant that timm has, at full size
	.venv-reference/$(PYTEST) -m parity

wheel: .venv/with-dev  ## Build a wheel with four packages; it must work in an empty environment
	rm -rf build dist .venv-wheel
	.venv/bin/python -m build --wheel --outdir dist
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet dist/*.whl
	.venv-wheel/bin/python -P tests/check_wheel.py dist/*.whl

benchmark: .venv-reference/installed  ## Compare inference speed with timm's, in one run
	.venv-reference/bin/python -m benchmarks.inference --overwrite

.venv/created:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	touch $@

# An extra of pyproject.toml beside those that are there already.
.venv/with-%: pyproject.toml | .venv/created
	.venv/bin/pip install --quiet --editable '.[$*]'
	touch $@

# timm asks for a torchvision that need not fit the torch that pip finds.
.venv-reference/installed: pyproject.toml
	rm -rf .venv-reference
	$(PYTHON) -m venv .venv-reference
	.venv-reference/bin/pip install --quiet --editable '.[reference]'
	touch $@

# LiteRT.js, in the version that exports expect, and Debian's Chromium to run it.
node_modules/.package-lock.json: hub_export/web/runtime.py
	@command -v chromium npm >/dev/null || $(AS_ROOT) sh -c 'apt-get update -qq && apt-get install -qq --yes chromium npm >/dev/null' \
		|| { echo "Chromium and npm can't be installed here (Debian's packages chromium and npm): the web page is not tested." >&2; exit 1; }
	npm install --silent --no-save --no-package-lock @litertjs/core@$$(sed -n 's/^VERSION = "\(.*\)"/\1/p' $<)
	touch $@

.venv-old-stack/installed: tests/old_stack/requirements.txt
.venv-tflite-support/installed: tests/tflite_support/requirements.txt

.venv-old-stack/installed .venv-tflite-support/installed:
	@$(OLD_PYTHON) -c 'import sys; sys.version_info < (3, 12) or sys.exit("$(@D) needs Python 3.9 to 3.11, received %d.%d; set OLD_PYTHON." % sys.version_info[:2])'
	rm -rf $(@D)
	$(OLD_PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	touch $@

clean:
	rm -rf .venv .venv-* node_modules build dist *.egg-info keras-mixers-quickstart
