#!/bin/sh
# Installs the wheel into a fresh environment beside ZODB, and works with what is called repozo there.
# usage: try-wheel.sh PYTHON DIRECTORY-OF-WHEELS
set -eu
python=$1 wheels=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/venv"
pip="$scratch/venv/bin/python -m pip --quiet --disable-pip-version-check"
$pip install ZODB==6.4
"$scratch/venv/bin/repozo" --version >/dev/null 2>&1 && { echo 'this is not Python'\''s repozo to begin with' >&2; exit 1; }
$pip install --no-index --find-links "$wheels" repozo
"$scratch/venv/bin/repozo" --version
mkdir "$scratch/backups"
"$scratch/venv/bin/python" - "$scratch" <<'PYTHON'
import subprocess
import sys

import transaction
import ZODB
from ZODB.FileStorage import FileStorage

scratch = sys.argv[1]
storage = FileStorage(scratch + '/Data.fs')
root = ZODB.DB(storage).open().root()
root['answer'] = 42
transaction.commit()
repozo = scratch + '/venv/bin/repozo'
# While the server has it open.
subprocess.run([repozo, '-B', '-r', scratch + '/backups', '-f', scratch + '/Data.fs'], check=True)
subprocess.run([repozo, 'verify', '-r', scratch + '/backups'], check=True)
subprocess.run([repozo, 'restore', '-r', scratch + '/backups', '-o', scratch + '/Restored.fs'], check=True)
root = ZODB.DB(FileStorage(scratch + '/Restored.fs', read_only=True)).open().root()
assert root['answer'] == 42, dict(root)
PYTHON
$pip uninstall --yes repozo
test ! -e "$scratch/venv/bin/repozo"
echo 'the wheel works beside ZODB'
