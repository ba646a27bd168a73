#!/bin/sh
# Backups and recoveries of a database that grows, as a user would do them.
# Each recovered file is compared with the database as it was.
#
# REPOZO      the program (default target/release/repozo)
# DEMO_PAUSE  seconds to wait before each backup, for a repozo that does not
#             itself wait for a new file name; names have a resolution of 1 s
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
data=$here/tests/data/growth
repozo=${REPOZO:-$here/target/release/repozo}
case $repozo in
    /*) ;;
    */*) repozo=$PWD/$repozo ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

note() { printf '\n# %s\n' "$*"; }

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# Shows a command and runs it; messages (stderr) appear in their place.
run() {
    printf '$ %s\n' "$*"
    name=$1
    shift
    if [ "$name" = repozo ]; then name=$repozo; fi
    "$name" "$@" 2>&1 || fail "exit status $?"
}

backup() {
    if [ -n "${DEMO_PAUSE:-}" ]; then sleep "$DEMO_PAUSE"; fi
    run repozo "$@"
}

# stage NUMBER: the database becomes what it was after that stage.
stage() {
    length=$(awk -v n="$1" '$1 == n { print $2 }' "$data/stages.txt")
    if [ "$1" = 5 ]; then
        cp "$data/stage-5-packed.fs" new.fs
    else
        head -c "$length" "$data/stage-4.fs" > new.fs
    fi
    [ "$(($(wc -c < new.fs)))" = "$length" ] || fail "stage $1 is incomplete"
    cp new.fs "stage-$1.fs"
    mv new.fs Data.fs
}

# count PATTERN: how many files of the repository match.
count() { find repository -name "$1" | wc -l | tr -d ' '; }

data_files() { find repository -name '*fs' -o -name '*fsz' | sort; }

expect() { [ "$1" = "$2" ] || fail "$3: $1 instead of $2"; }

note 'A new database, and its first full backup'
stage 1
mkdir repository
backup -B -v -F -r repository -f Data.fs
expect "$(count '*.fs')" 1 'full backups'
first=$(basename repository/*.fs .fs)

note 'The database grows: only what is new is saved'
stage 2
backup -B -v -Q -r repository -f Data.fs
expect "$(count '*.deltafs')" 1 'increments'

note 'It grows again: a compressed increment'
stage 3
backup -BvQz -r repository -f Data.fs
expect "$(count '*.deltafsz')" 1 'compressed increments'

note 'Nothing new: nothing is written'
before=$(data_files)
backup -BvQ -r repository -f Data.fs
expect "$(data_files)" "$before" 'data files'

note 'Is the repository sound?'
run repozo -V -v -r repository

note 'Recover the newest state'
run repozo -R -v -r repository -o newest.fs
run cmp newest.fs stage-3.fs

note 'Recover the state of the first backup'
run repozo -R -v -r repository -D "$first" -o first.fs
run cmp first.fs stage-1.fs

note 'Recover to a pipe'
# A pipe has no status of its own program in sh, so that goes to a file.
printf '$ repozo -R -r repository | cmp - stage-3.fs\n'
{ "$repozo" -R -r repository && echo done > piped; } | cmp - stage-3.fs \
    || fail 'the piped state differs'
[ -f piped ] || fail 'the recovery to a pipe failed'

note 'After a pack the old bytes are gone: a full backup without asking for it'
stage 5
backup -BvQ -r repository -f Data.fs
expect "$(count '*.fs')" 2 'full backups'
run repozo -V -v -r repository
run repozo -R -v -w -r repository -o packed.fs
run cmp packed.fs stage-5.fs

note 'The older states are still there'
run repozo -R -r repository -D "$first" -o first-again.fs
run cmp first-again.fs stage-1.fs

note 'One byte of a copy of the repository is damaged: verify tells which file'
cp -R repository damaged
victim=$(find damaged -name '*.fs' | sort | tail -n 1)
byte=$(od -An -tu1 -j 5000 -N 1 "$victim" | tr -d ' ')
# shellcheck disable=SC2059  # the format is the byte
printf "\\$(printf '%03o' $((byte ^ 255)))" |
    dd of="$victim" bs=1 seek=5000 conv=notrunc 2> dd.log ||
    fail "$(cat dd.log)"
printf '$ repozo -V -r damaged\n'
status=0
"$repozo" -V -r damaged > verdict 2>&1 || status=$?
cat verdict
printf '# exit status %s\n' "$status"
expect "$status" 1 'exit status'
grep -q "$(basename "$victim")" verdict || fail "$victim is not named"

note 'A database with blobs; their files are made here, where check says that they are missing'
cp "$here/tests/data/samples/blobs.fs" Blobs.fs
mkdir blobs with-blobs restored
printf bushy > blobs/.layout
"$repozo" check Blobs.fs --blobs blobs > missing || true
sed -n 's/^problem: the blob .* has no file //p' missing | while read -r file; do
    mkdir -p "$(dirname "$file")"
    printf 'the blob %s\n' "$file" > "$file"
done
run repozo check Blobs.fs --blobs blobs
note 'Back it up with its blobs'
run repozo backup -r with-blobs Blobs.fs --blobs blobs
run repozo blobs list -r with-blobs
note 'One of them is damaged in the repository: verify tells, and it is put back from the server'
victim=$(find with-blobs/blobs -type f | sort | head -n 1)
cp "$victim" kept
chmod u+w "$victim"
printf 'x' | dd of="$victim" bs=1 seek=2 conv=notrunc 2> dd.log || fail "$(cat dd.log)"
"$repozo" verify -r with-blobs > verdict 2>&1 && fail 'it was not found'
cat verdict
run repozo repair -r with-blobs --blobs blobs --apply
run cmp "$victim" kept
note 'Restore both'
run repozo restore -r with-blobs -o restored/Data.fs --blobs restored/blobs
run cmp Blobs.fs restored/Data.fs
run diff -r blobs restored/blobs
note 'Restore both as they were before the last transaction: its blob is not there'
last=$(find blobs -name '*.blob' | sed 's,.*/,,' | sort | tail -n 1)
mkdir earlier
run repozo restore -r with-blobs -o earlier/Data.fs --blobs earlier/blobs --tid 0x03f47fc356666666
run repozo check earlier/Data.fs --blobs earlier/blobs
[ -z "$(find earlier/blobs -name "$last")" ] || fail "$last is of a later transaction"
expect "$(find earlier/blobs -name '*.blob' | wc -l | tr -d ' ')" "$(($(find blobs -name '*.blob' | wc -l) - 1))" 'blobs'
note 'The server loses one: check tells, and a restore completes its directory'
victim=$(find blobs -name "$last")
rm -f "$victim"
"$repozo" check Blobs.fs --blobs blobs > verdict && fail 'it was not missed'
cat verdict
run repozo restore -r with-blobs -o Blobs.fs --blobs blobs --update
run diff -r blobs restored/blobs

printf '\ndemo: everything matches\n'
