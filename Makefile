# Every chore by name; each sets up .venv by itself (tools/setup.py). `make` alone lists them.
#   PYTHON=/path/to/python3.12  the Python to use (3.11 to 3.13)      TORCH=cpu|cuda  the PyTorch to install
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench bench-learning screenshots lists clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup:  ## Make or update .venv (all others do so too)
	@sh tools/setup.sh

demo: setup  ## Scribbles to segmentation on a real MR template, into demo/; own data: IMAGE=… SCRIBBLES=… TREE=…
	@$(BIN)/python tools/demo.py $(if $(IMAGE),--image "$(IMAGE)") $(if $(SCRIBBLES),--scribbles "$(SCRIBBLES)") $(if $(TREE),--tree "$(TREE)") $(ARGS)

test: setup  ## Unit, command-line and MRML tests; ARGS="-k tree" narrows them
	@$(BIN)/python -m pytest $(ARGS)

lint: setup  ## Style, and the walls between the packages
	@$(BIN)/ruff check --output-format concise .
	@$(BIN)/lint-imports
	@$(BIN)/python tools/cmake_lists.py

bench: setup  ## Speed and learning quality of the losses, as ratios within one run
	@$(BIN)/python benchmarks/losses.py $(ARGS)

bench-learning: setup  ## What is learned from strokes, against what users have instead; needs SEMANTICSEG_TEST_DATA, takes two hours
	@$(BIN)/python benchmarks/learning.py $(ARGS)

screenshots: setup  ## Pictures of the panel's steps, into Resources/Screenshots
	@$(BIN)/python tools/screenshots.py

lists: setup  ## Write the files of the Slicer module into SemanticSeg/CMakeLists.txt
	@$(BIN)/python tools/cmake_lists.py --write

clean:  ## Remove what was made here: .venv, demo/, caches
	rm -rf .venv demo .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist SemanticSeg/*.egg-info
