# Every target works on a fresh clone: it finds a Python, makes .venv and installs first.
#   PYTHON=/path/to/python3.x   the Python to build .venv with (3.8 to 3.11)
#   GPU=1                       MXNet's CUDA build; what `make setup` chose last holds until the next
#   ARGS='...'                  passed on to the program that the target runs

PYTHON ?=
GPU ?=
ARGS ?=

VENV_PYTHON := .venv/bin/python
INSTALLED_BUILD := $(if $(filter setup,$(MAKECMDGOALS)),,$(wildcard .venv/.installed-gpu))
BUILD := $(if $(filter-out 0,$(GPU))$(if $(GPU),,$(INSTALLED_BUILD)),gpu,cpu)
STAMP := .venv/.installed-$(BUILD)

.PHONY: help setup demo test lint bench always

help:
	@echo 'make setup   make .venv and install (GPU=1: with the CUDA build of MXNet)'
	@echo 'make demo    the whole recipe on a small made-up data set, on the CPU'
	@echo "make test    the test suite (ARGS='tests/method -x' for a part of it)"
	@echo 'make lint    ruff'
	@echo 'make bench   the figures that the README quotes'

setup: $(STAMP)

demo: $(STAMP)
	@$(VENV_PYTHON) examples/demo.py $(ARGS)

test: $(STAMP)
	@$(VENV_PYTHON) -m pytest $(ARGS)

lint: $(STAMP)
	@$(VENV_PYTHON) -m ruff check $(or $(ARGS),.)
	@$(VENV_PYTHON) -m ruff format --check $(or $(ARGS),.)

bench: $(STAMP)
	@$(VENV_PYTHON) benchmarks/speed/run.py $(ARGS)

define FIND_PYTHON
fits() { \
	"$$1" -c "import sys, $$2; sys.exit(not (3, 8) <= sys.version_info < (3, 12))" \
		>/dev/null 2>&1; \
}; \
version() { "$$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null; }; \
python=''; \
for candidate in $(or $(PYTHON),python3.11 python3.10 python3.9 python3.8 python3); do \
	if fits "$$candidate" "venv, ensurepip"; then python="$$candidate"; break; fi; \
done; \
if [ -n '$(PYTHON)' ] && [ -z "$$python" ]; then \
	echo 'make: PYTHON=$(PYTHON) is not a Python 3.8 to 3.11 with the venv module' >&2; exit 2; \
fi
endef

define MAKE_VENV
if [ -n '$(PYTHON)' ] && [ "$$(version $(VENV_PYTHON))" != "$$(version "$$python")" ]; then \
	rm -rf .venv; \
fi; \
if ! fits $(VENV_PYTHON) pip; then \
	if [ -n "$$python" ]; then \
		echo "making .venv with $$python"; \
		"$$python" -m venv --clear .venv; \
	elif command -v uv >/dev/null 2>&1; then \
		echo 'making .venv with uv'; \
		rm -rf .venv && uv venv --quiet --seed --python 3.11 .venv; \
	else \
		echo 'make: no Python 3.8 to 3.11 found: install python3.11 and python3.11-venv,' \
			'or uv, or give PYTHON=/path/to/python' >&2; exit 2; \
	fi; \
fi
endef

# mxnet and mxnet-cu112 write the same folder: when the other one is there, both have to go first.
OTHER_BUILD := $(if $(filter gpu,$(BUILD)),mxnet,mxnet-cu112)

define INSTALL
echo 'installing the $(BUILD) build (minutes, the first time)'; \
$(VENV_PYTHON) -m pip install -qq --upgrade 'pip>=21.3'; \
if $(VENV_PYTHON) -m pip show --quiet $(OTHER_BUILD) 2>/dev/null; then \
	$(VENV_PYTHON) -m pip uninstall -qq --yes mxnet mxnet-cu112; \
fi; \
$(VENV_PYTHON) -m pip install -qq -c requirements.lock -e '.[$(BUILD),onnx,dev]'; \
$(VENV_PYTHON) -c 'import cv2' 2>/dev/null || { \
	echo 'make: OpenCV does not load: install its system libraries' \
		'(apt-get install libgl1 libglib2.0-0) and run make again' >&2; exit 2; \
}; \
[ $(BUILD) = gpu ] || $(VENV_PYTHON) -W ignore -c 'import mxnet' 2>/dev/null || { \
	echo 'make: MXNet does not load: install its system libraries' \
		'(apt-get install libgomp1 libquadmath0) and run make again' >&2; exit 2; \
}; \
[ $(BUILD) = gpu ] || $(VENV_PYTHON) -W ignore -m unequal.build || true
endef

$(STAMP): pyproject.toml requirements.lock $(wildcard symbols/compiled/source/*) $(if $(PYTHON),always)
	@set -e; $(FIND_PYTHON); $(MAKE_VENV); rm -f .venv/.installed-*; $(INSTALL); touch $@
