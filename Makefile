# Works on a fresh machine with only Python and make: everything else is installed below this folder.
#
#   make quickstart [FILES=path/]   the main job, on the embedded server, with the data set that ships or your own files
#                                   (a path with spaces in two pairs of quotes: FILES="'my files/'")
#   make test                       format check, lint, types, all tests, the site of the documents
#   make test-quick                 the tests alone, on one interpreter
#   make docs                       the code blocks of the documents, and the documents as a site in site/
#   make format · make lint · make types · make bench · make clean

PYTHON ?= python3
UV = .tools/bin/uv
export UV_PYTHON_DOWNLOADS = never
# As pip does: the certificates of the machine, which may know a company's own.
export UV_SYSTEM_CERTS = true
INSTALL = $(UV) pip install --quiet --constraint constraints.txt

# The interpreters that the tests run on: 3.10 and 3.13 where they are there (on the path or under pyenv), else $(PYTHON).
find_python = $(shell for p in python$(1) $(HOME)/.pyenv/versions/$(1).*/bin/python; do \
	"$$p" -c "" 2>/dev/null && echo "$$p" && break; done)
PYTHON_3.10 := $(call find_python,3.10)
PYTHON_3.13 := $(call find_python,3.13)
PYTHON_here := $(PYTHON)
FOUND := $(if $(PYTHON_3.10),3.10) $(if $(PYTHON_3.13),3.13)
VERSIONS := $(or $(strip $(FOUND)),here)
MAIN = .envs/$(firstword $(VERSIONS))
NEWEST = $(lastword $(VERSIONS))
# More than CI has cores: tests wait for sockets and processes, and another one uses the time.
PYTEST_OPTIONS = -q -n 3

SOURCES = tilde_core tilde_transport_httpx tilde_transport_requests tilde_auth_sandbox tilde_local \
	tests examples benchmarks docs_site
PROJECTS = pyproject.toml constraints.txt $(wildcard tilde_*/pyproject.toml)
# Every tilde-* distribution is named by its folder, so that none is ever looked up in a registry.
ALL = -e . -e ./tilde_core[testing,keyring] -e ./tilde_transport_httpx[http2] -e ./tilde_transport_requests -e ./tilde_auth_sandbox \
	-e ./tilde_local[s3,gcs]
WITHOUT_PLUGINS = -e ./tilde_core[testing] -e ./tilde_local
PLUGIN_httpx = tilde_transport_httpx
PLUGIN_requests = tilde_transport_requests
PLUGIN_sandbox = tilde_auth_sandbox

# The plugins of third parties, as examples: built as wheels and installed from those, as their users would.
EXAMPLES = $(wildcard examples/plugins/*)
IN_EXAMPLES = $(shell find examples/plugins -name pyproject.toml -o -path '*/src/*.py')
define install_examples
rm -rf .envs/$(1)/wheels
for project in $(EXAMPLES) $(2); do (cd $$project && $(CURDIR)/.envs/$(1)/bin/python -m hatchling build \
	--target wheel --directory $(CURDIR)/.envs/$(1)/wheels >/dev/null 2>&1) || exit 1; done
$(UV) pip install --quiet --no-index --no-deps --reinstall --python .envs/$(1) .envs/$(1)/wheels/*.whl
endef
define test_examples
for project in $(EXAMPLES); do $(1)/bin/pytest $(PYTEST_OPTIONS) -c $$project/pyproject.toml $$project || exit 1; done
endef

# Environments stay: make would remove them as mere steps on the way.
.PRECIOUS: .envs/%/ready .envs/alone-%/ready .envs/%/examples
.PHONY: quickstart test test-quick test-all test-alone format format-check lint types bench docs site clean

quickstart: .envs/quickstart/ready
	.envs/quickstart/bin/python examples/quickstart.py $(FILES)

test: format-check lint types site test-all test-alone
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		echo "The tests in a browser were left out: Debian's chromium and chromium-driver are not installed."

test-quick: $(MAIN)/examples
	$(MAIN)/bin/pytest $(PYTEST_OPTIONS)

test-all: $(VERSIONS:%=test-on-%)

# What depends on the documents and the protocol, and hardly on the interpreter, runs on the first one alone.
ONCE = tests/docs tests/examples tests/tilde_local/test_local_fuzzing.py tests/contract/test_contracts_find_faults.py

test-on-%: .envs/%/examples
	.envs/$*/bin/pytest $(PYTEST_OPTIONS) $(if $(filter $*,$(firstword $(VERSIONS))),,$(ONCE:%=--ignore=%))

# Each plugin by itself, with no HTTP library but its own in the environment, and the core without any. The examples
# with nothing of ours but the wheel of the core.
test-alone: test-alone-httpx test-alone-requests test-alone-sandbox test-alone-none test-alone-examples

test-alone-examples: .envs/alone-examples/examples
	$(call test_examples,.envs/alone-examples)

test-alone-%: .envs/alone-%/ready
	.envs/alone-$*/bin/pytest $(PYTEST_OPTIONS) tests/alone $(if $(filter httpx requests,$*),tests/e2e) $(PLUGIN_$*:%=tests/%)

format: $(MAIN)/ready
	$(MAIN)/bin/ruff format $(SOURCES)
	$(MAIN)/bin/ruff check --fix $(SOURCES)

format-check: $(MAIN)/ready
	$(MAIN)/bin/ruff format --check $(SOURCES)

lint: $(MAIN)/ready
	$(MAIN)/bin/ruff check $(SOURCES)

types: $(MAIN)/ready
	$(MAIN)/bin/mypy
	PATH="$(CURDIR)/$(MAIN)/bin:$$PATH" pyright --ignoreexternal --verifytypes tilde
	PATH="$(CURDIR)/$(MAIN)/bin:$$PATH" pyright tests/user_code.py

# In an environment without the plugins of third parties: what they cost is not what the hooks cost.
bench: .envs/bench/ready
	.envs/bench/bin/python benchmarks/run.py

# The documents are Markdown, to be read as they are: every code block in them runs. And they are a site, for which any
# warning is an error.
docs: site $(MAIN)/ready
	$(MAIN)/bin/pytest $(PYTEST_OPTIONS) tests/docs

site: .envs/docs/ready
	NO_MKDOCS_2_WARNING=1 .envs/docs/bin/python docs_site/build.py

clean:
	rm -rf site .cache .envs .tools .pytest_cache .mypy_cache .ruff_cache .hypothesis

.tools/ready: constraints.txt
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	touch $@

.envs/quickstart/ready: .tools/ready $(PROJECTS)
	$(UV) venv --quiet --clear --python "$(PYTHON)" .envs/quickstart
	$(INSTALL) --python .envs/quickstart -e . -e ./tilde_core -e ./tilde_transport_httpx -e ./tilde_auth_sandbox \
		-e ./tilde_local
	touch $@

# What builds the site reads the packages and does not import them.
.envs/docs/ready: .tools/ready pyproject.toml
	$(UV) venv --quiet --clear --python "$(PYTHON_$(NEWEST))" .envs/docs
	$(INSTALL) --python .envs/docs --group docs
	touch $@

.envs/alone-examples/ready: .tools/ready $(PROJECTS)
	$(UV) venv --quiet --clear --python "$(PYTHON_$(NEWEST))" .envs/alone-examples
	$(INSTALL) --python .envs/alone-examples hatchling pytest-xdist ./tilde_core[testing] $(EXAMPLES:%=./%[test])
	touch $@

.envs/alone-examples/examples: .envs/alone-examples/ready $(IN_EXAMPLES) $(shell find tilde_core/src -name '*.py')
	$(call install_examples,alone-examples,tilde_core)
	touch $@

.envs/%/examples: .envs/%/ready $(IN_EXAMPLES)
	$(call install_examples,$*)
	touch $@

.envs/alone-%/ready: .tools/ready $(PROJECTS)
	$(UV) venv --quiet --clear --python "$(PYTHON_$(NEWEST))" .envs/alone-$*
	$(INSTALL) --python .envs/alone-$* --group test $(WITHOUT_PLUGINS) $(PLUGIN_$*:%=-e ./%)
	touch $@

.envs/bench/ready: .tools/ready $(PROJECTS)
	$(UV) venv --quiet --clear --python "$(PYTHON_$(NEWEST))" .envs/bench
	$(INSTALL) --python .envs/bench $(ALL)
	touch $@

.envs/%/ready: .tools/ready $(PROJECTS)
	$(UV) venv --quiet --clear --python "$(PYTHON_$*)" .envs/$*
	$(INSTALL) --python .envs/$* --group dev $(ALL)
	touch $@
