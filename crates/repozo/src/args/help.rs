use std::ffi::OsStr;

/// The help text, for a program called by this name.
pub fn text(program: &OsStr) -> String {
    format!(
        "repozo -- full and incremental backups of a ZODB FileStorage (Data.fs).\n\nUsage: {} [options]\n{OPTIONS}",
        program.to_string_lossy()
    )
}

const OPTIONS: &str = r"
Choose exactly one:

    -B / --backup        Back up a database.
    -R / --recover       Recover a database from its backups.
    -V / --verify        Verify the backups.

Always:

    -r DIR / --repository=DIR
                         The directory of the backups; it must exist.
    -v / --verbose       Say on standard error what is done.
    -h / --help          Print this text.
    --version            Print the version.

For -B / --backup:

    -f FILE / --file=FILE
                         The database, live or not.
    -F / --full          Make a full backup in any case. Without it an incremental
                         one is made where the database still begins with what is
                         backed up, and nothing where nothing was added.
    -Q / --quick         Compare only the end of what is backed up and places
                         before it with the database, instead of every byte.
    --quick=md5          The same by the MD5 of the last backup alone, which may be
                         large, as Python's repozo does.
    -z / --gzip          Compress what is written.
    -k / --kill-old-on-full
                         After a full backup, read it once more and delete all
                         older ones of the same database.
    --force              With -k: delete them also if nothing shows that they are
                         of the same database.
    --blobs=DIR          Back up the blobs that the backups name, too, from the blob
                         directory DIR, as far as the repository lacks them.
    --containers         Put blobs under 64 KiB together in a few files, instead of
                         one each.
    --wait=SECONDS       Wait so long for another repozo in the repository to end.

For -R / --recover:

    -D DATE / --date=DATE
                         Recover the state of this moment: YYYY-MM-DD-hh-mm-ss in
                         UTC. Shorter forms, down to YYYY-MM-DD, mean before their
                         first second. Without it the newest state.
    -o FILE / --output=FILE
                         Write the database to FILE and its index to FILE.index;
                         what was there is replaced at the very end. Without it the
                         database goes to standard output.
    -w / --with-verify   Check size and MD5 of every backup while reading it.
    --blobs=DIR          Recover the blobs, too, into the blob directory DIR, before
                         the database. It is made, or is empty, or is completed
                         with --update.
    --update             Add to the database at FILE what it lacks, or cut off what it
                         has too much, if all else of it is as in the backups; if
                         not, replace it. With -Q only places are compared.

For -V / --verify:

    -Q / --quick         Compare sizes only.
    --blobs=DIR          The database has blobs: it is a problem if the newest full
                         backup or those that build on it were made without them.

Exit status: 0 done or nothing to do, 1 failed, 128+N stopped by signal N.

Verbs: backup, restore (any transaction), list, verify, drill, forget, status;
check, refs, log and others that look inside. See: repozo help
";
