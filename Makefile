PYTHON ?= python3.11
BIN := .venv/bin
CONFIG ?= config/demo.yaml
# The published analysis: the authors' feature table, and SEARCH=1 for their search of class weights.
TABLE ?= ../shared/data/paper/Final_ResampledClassificationData.csv
PUBLISHED := published$(if $(SEARCH),_searched)
# IBSI's phantoms and reference values, for the tables of docs/explanations/methods/ibsi.md.
IBSI ?= ../shared/data/ibsi

.PHONY: setup peers slurm browser demo published table assign ibsi test config envs lint format docs rulegraph bench bench-gpu

setup: .venv/installed .venv/package

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile -r requirements.lock
	# pip would compile on one core; a few files of packages are templates and no Python.
	$(BIN)/python -m compileall -q -j 0 .venv/lib > /dev/null || true
	touch $@

# The package as it lies here, so that an edit counts at once; its build takes setuptools from the
# lock and downloads nothing.
.venv/package: pyproject.toml workflow/scripts/livermet/__init__.py .venv/installed
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# What tests and benchmarks compare with and livermet does not run with.
peers: .venv/panoptica/installed .venv/rocrate/installed .venv/dicom/installed

.venv/panoptica/installed: tests/peers/panoptica.lock | .venv/installed
	$(PYTHON) -m venv .venv/panoptica
	.venv/panoptica/bin/pip install --quiet --no-compile -r tests/peers/panoptica.lock
	touch $@

.venv/rocrate/installed: tests/peers/rocrate.lock | .venv/installed
	$(PYTHON) -m venv .venv/rocrate
	.venv/rocrate/bin/pip install --quiet --no-compile -r tests/peers/rocrate.lock
	touch $@

.venv/dicom/installed: tests/peers/dicom.lock | .venv/installed
	$(PYTHON) -m venv .venv/dicom
	.venv/dicom/bin/pip install --quiet --no-compile -r tests/peers/dicom.lock
	touch $@

# SLURM for tests/slurm, from Debian's packages and into .slurm alone; elsewhere these tests skip.
slurm: .slurm/bin

.slurm/bin: tests/slurm/install.sh
	tests/slurm/install.sh .slurm

# Chromium for tests/browser, from Debian's packages and into .browser alone; elsewhere these tests skip.
browser: .browser/bin

.browser/bin: tests/browser/install.sh
	tests/browser/install.sh .browser

demo: setup
	$(BIN)/snakemake --configfile config/demo.yaml
	@echo "The report: results/demo/report.html"

published: table setup
	$(BIN)/snakemake --config "phenotype={table: '$(TABLE)'}" --configfile config/published.yaml $(if $(SEARCH),config/published_searched.yaml)
	@echo "The report: results/$(PUBLISHED)/report.html; every printed number beside ours: results/$(PUBLISHED)/tables/reproduction.csv"

table:
	@test -f "$(TABLE)" || { echo "There is no feature table at $(TABLE). Its authors publish it with the article (doi:10.4274/dir.2025.253310, data availability) as Final_ResampledClassificationData.csv; get it and type: make published TABLE=path/to/Final_ResampledClassificationData.csv"; exit 1; }

assign: setup
	$(BIN)/livermet assign --configfile $(CONFIG)

ibsi: setup
	$(BIN)/livermet ibsi --data "$(IBSI)"

# Three tests at a time on two cores, because those of SLURM mostly wait; what shares a long run stays
# in one process (tests/conftest.py). Each has one thread, since threads that wait for a core cost as
# much as those that compute. At the end stands which lines of the package the tests' own processes
# have run.
test: export OMP_NUM_THREADS = 1
test: setup peers
	$(BIN)/python -m slipcover --source workflow/scripts/livermet --skip-covered -m pytest -n 3 \
		|| { cat .pytest_cache/d/failures/last.txt; exit 1; }

# The defaults, the schema and the tables of keys, from livermet/config/keys.py.
config: setup
	cd workflow/scripts && ../../$(BIN)/python -m livermet.config.written

# The conda environments of envs/, from requirements.lock.
envs: setup
	cd workflow/scripts && ../../$(BIN)/python -m livermet.provenance.environments

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/hadolint envs/Dockerfile
	$(BIN)/snakemake --lint --configfile config/demo.yaml

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# The documentation's site in site/; every link is checked, and nothing is fetched.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The documentation: site/index.html"

# The picture of all rules, docs/images/rules.svg, from the plans of the demo and of the published analysis.
rulegraph: table setup
	$(BIN)/python docs/draw_rules.py "$(TABLE)"

# benchmarks/predict.py takes many minutes without a GPU, and new_patient.py asks for a model: they are run by themselves.
bench: setup peers
	for script in $(filter-out benchmarks/predict.py benchmarks/new_patient.py benchmarks/gpu.py, $(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done

# What a GPU alone can tell: docs/explanations/methods/segmentation.md has what was measured.
bench-gpu: setup
	$(BIN)/python benchmarks/gpu.py
	$(BIN)/python benchmarks/predict.py --device cuda --folds 5 --features 32 64 128 256 320 --patch 64 80 80 --convolutions 2
