# Build, test and show repozo.  Only `test` needs Python packages.

PYTHON ?= python3
CARGO ?= cargo
VENV := .venv
# Where cargo puts what it builds.
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))

.PHONY: all help build venv have-strace test bench bench-scale bench-inside bench-verbs bench-blobs crash crash-deep differential live blobs fuzz damage strace mutants lint demo wheel try-wheel deb try-deb have-cargo-deb clean

all: build

help:
	@echo 'make build   the release binary, target/release/repozo (default)'
	@echo 'make test    all tests, with the Python tools as the oracle'
	@echo 'make crash   power cuts on a simulated disk, as in make test, with a table'
	@echo 'make crash-deep  more of them: SEED= to begin with, STATES= to look at'
	@echo 'make live    BACKUPS=200 backups of a live database, one after the other'
	@echo 'make blobs   COUNT=10000 blobs through all that happens to a database'
	@echo 'make damage  every damage to every byte of small repositories, with a table'
	@echo 'make differential  ours against Python along random sequences: SEED=, COUNT=1000'
	@echo 'make strace  every system call fails with every error: SEED=, ROUNDS= of full disks, ONLY='
	@echo 'make lint    formatting and clippy'
	@echo 'make fuzz    every fuzz target for SECONDS_EACH=30 seconds'
	@echo 'make mutants  does a test fail for each change of the code? All of CRATES='
	@echo 'make bench   the scoreboard, ours and Python in turns: SIZE=1G, ROUNDS=5, ONLY='
	@echo 'make bench-scale  what is large in one respect, and the growth of time with the size: ROUNDS=3, ONLY='
	@echo 'make bench-inside  the verbs that look inside, and ZODB tools: SIZE=1G, ROUNDS=3, ONLY='
	@echo 'make bench-verbs  the verbs that restore and list, and how it went without them: SIZE=1G, ROUNDS=3, ONLY='
	@echo 'make bench-blobs  blobs, and cp -a and rsync on the same tree: SIZE=200 thousand of them, ROUNDS=3, ONLY='
	@echo 'make demo    backups and recoveries of a sample database'
	@echo 'make wheel   the program as a wheel, for pip; make try-wheel installs it beside ZODB'
	@echo 'make deb     a Debian package, with manual pages, completions and units; make try-deb installs it into a scratch root'
	@echo 'make venv    the Python environment of the tests'
	@echo 'make clean   remove what was built'

build:
	$(CARGO) build --release

venv: $(VENV)/.stamp

# The stamp is written last: a stopped installation is done again.
$(VENV)/.stamp: requirements-test.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

test: venv have-strace
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' $(CARGO) test --workspace --all-targets
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' $(CARGO) test --workspace --doc
	@command -v strace >/dev/null || echo '!!! SKIPPED, because there is no strace: no system call was made to fail' >&2

# strace, and an XFS and a Btrfs for what shares blocks and for a quota. Where they cannot be installed, the tests that need them say so, and fail where
# REPOZO_REQUIRE_STRACE, REPOZO_REQUIRE_MOUNT or CI is set.
have-strace:
	@{ command -v strace && command -v mkfs.xfs && command -v mkfs.btrfs; } >/dev/null || test "$$(id -u)" -ne 0 || ! command -v apt-get >/dev/null || \
		{ apt-get update && apt-get install --yes strace xfsprogs btrfs-progs; } || echo 'strace, xfsprogs and btrfs-progs could not be installed' >&2

# Seeds and stories of violations are printed; ONLY= tells one story alone.
crash:
	REPOZO_CRASH_SEED='$(SEED)' REPOZO_CRASH_STATES='$(STATES)' REPOZO_CRASH_ONLY='$(ONLY)' \
		$(CARGO) test --package repozo --test it crash:: -- --nocapture

crash-deep: SEED ?= 1
crash-deep: STATES ?= 1000000
crash-deep:
	REPOZO_CRASH_SEED='$(SEED)' REPOZO_CRASH_STATES='$(STATES)' REPOZO_CRASH_ONLY='$(ONLY)' \
		$(CARGO) test --release --package repozo --test it crash:: -- --nocapture

# BACKUPS says how many; SEED repeats what was random.
live: venv
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' \
	REPOZO_LIVE_BACKUPS='$(or $(BACKUPS),200)' REPOZO_LIVE_SEED='$(SEED)' \
	$(CARGO) test -p repozo --test it live:: -- --nocapture

# The sequences of COUNT seeds, from SEED on; make test has those of the first few hundred.
differential: SEED ?= 0
differential: COUNT ?= 1000
differential: venv
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' REPOZO_DIFF_SEED='$(SEED)' REPOZO_DIFF_COUNT='$(COUNT)' \
		$(CARGO) test -p repozo --test it random_sequences_give -- --nocapture

# Longer than in make test: every byte in every way, more pairs.
damage:
	REPOZO_DAMAGE=long $(CARGO) test --release --package repozo --test it damage:: -- --nocapture

strace: ROUNDS ?= 3000
strace: venv have-strace
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' REPOZO_REQUIRE_STRACE=1 REPOZO_STRACE_ALL=1 \
		REPOZO_FAULTS_SEED='$(SEED)' REPOZO_FAULTS_ROUNDS='$(ROUNDS)' REPOZO_FAULTS_ONLY='$(ONLY)' \
		$(CARGO) test --package repozo --test it faults:: -- --nocapture

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

# Takes a quarter of an hour; needs some GB under target/bench, which stay for the next run.
bench: build venv
	$(VENV)/bin/python bench/scoreboard.py --ours '$(TARGET)/release/repozo' --python $(VENV)/bin/repozo \
		--work '$(TARGET)/bench' --size '$(or $(SIZE),1G)' --rounds '$(or $(ROUNDS),5)' --only='$(ONLY)' \
		$(if $(ONLY),,--write docs/PERFORMANCE.md)

# Takes half an hour and 25 GB under target/bench.
bench-scale: build venv
	$(VENV)/bin/python bench/scale.py --ours '$(TARGET)/release/repozo' --python $(VENV)/bin/repozo \
		--work '$(TARGET)/bench' --rounds '$(or $(ROUNDS),3)' --only='$(ONLY)' \
		$(if $(ONLY),,--write docs/PERFORMANCE.md)

# Takes a quarter of an hour.
bench-inside: build venv
	$(VENV)/bin/python bench/inside.py --ours '$(TARGET)/release/repozo' --python $(VENV)/bin/python \
		--work '$(TARGET)/bench' --size '$(or $(SIZE),1G)' --rounds '$(or $(ROUNDS),3)' --only='$(ONLY)' \
		$(if $(ONLY),,--write docs/PERFORMANCE.md)

bench-verbs: build venv
	$(VENV)/bin/python bench/verbs.py --ours '$(TARGET)/release/repozo' --python $(VENV)/bin/python \
		--work '$(TARGET)/bench' --size '$(or $(SIZE),1G)' --rounds '$(or $(ROUNDS),3)' --only='$(ONLY)' \
		$(if $(ONLY),,--write docs/PERFORMANCE.md)

# Needs rsync, 25 GB under target/bench for the 200,000 blobs, and an hour.
bench-blobs: build venv
	$(VENV)/bin/python bench/blobs.py --ours '$(TARGET)/release/repozo' --python $(VENV)/bin/python \
		--work '$(TARGET)/bench' --size '$(or $(SIZE),200)' --rounds '$(or $(ROUNDS),3)' --only='$(ONLY)' \
		$(if $(ONLY),,--write docs/PERFORMANCE.md)

# A database of COUNT blobs through full, growth, pack and restores of each state, read by ZODB.
blobs: venv
	REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' REPOZO_BLOBS_COUNT='$(or $(COUNT),10000)' \
		$(CARGO) test --release -p repozo --test it blobs::walk -- --nocapture

# A wheel that puts the program into an environment of Python's.
wheel: $(VENV)/.maturin
	$(VENV)/bin/maturin build --release --quiet --compatibility linux --out '$(TARGET)/wheels'

$(VENV)/.maturin: $(VENV)/.stamp
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
	touch $@

try-wheel: wheel
	sh packaging/try-wheel.sh '$(VENV)/bin/python' '$(TARGET)/wheels'

# A Debian package; the version of cargo-deb is what it was tried with, built without what makes its build long.
deb: build have-cargo-deb
	sh packaging/deb-files.sh '$(TARGET)/release/repozo' '$(TARGET)/release/deb'
	$(CARGO) deb --package repozo --no-build --quiet --output '$(TARGET)/debian/'

have-cargo-deb:
	@command -v cargo-deb >/dev/null || CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
		$(CARGO) install cargo-deb --version '^3' --locked

try-deb: deb
	sh packaging/try-deb.sh "$$(ls -t '$(TARGET)'/debian/repozo_*.deb | head -n 1)" tests/data/samples

demo: build
	REPOZO='$(TARGET)/release/repozo' sh demo/run.sh

# `make fuzz TARGETS=dat SECONDS_EACH=3600` runs one of them for an hour.
fuzz:
	CARGO='$(CARGO)' sh fuzz/run.sh

# All mutants in one build, each run against the tests that come by it: an hour and a half, and 10 GB. Needs root, cargo-mutants
# and cargo-nextest. What was done is kept, so it can be stopped and gone on with. docs/TESTING.md says what was missed.
MUTANTS := $(TARGET)/mutants
mutants: venv
	$(CARGO) build --release --manifest-path mutants/weave/Cargo.toml --target-dir '$(MUTANTS)/weave'
	CARGO_TARGET_DIR='$(MUTANTS)/built' $(PYTHON) mutants/build.py --weave '$(MUTANTS)/weave/release/weave' \
		--to '$(MUTANTS)/tree' $(or $(CRATES),classic filestorage vfs pickle)
	cd '$(MUTANTS)/tree' && CARGO_TARGET_DIR='$(MUTANTS)/built' $(CARGO) nextest list --workspace --message-format json > ../tests.json
	for what in trace each table; do \
		REPOZO_TEST_PYTHON='$(CURDIR)/$(VENV)/bin/python' $(PYTHON) mutants/run.py --build '$(MUTANTS)/tree' \
			--tests '$(MUTANTS)/tests.json' --work '$(MUTANTS)/run' $$what || exit 1; \
	done

clean:
	$(CARGO) clean
	rm -rf $(VENV)
