//! The calls whose failure does not keep a run from ending with status 0: what was asked for is done and right
//! without them, which is judged each time. Everything else that fails must be told by the status.

use super::scenario::{Begin, Scenario, Verb};
use super::strace::Call;

/// What may fail.
pub(super) struct Tolerated {
    /// In which runs, and at which stage of them.
    is_there: fn(&Scenario, &Call) -> bool,
    /// The kinds as [`Call::kind`] shows them, a name of a data file without its ending.
    kinds: &'static [&'static str],
    /// Whether a warning must name the file.
    pub(super) warns: bool,
    pub(super) reason: &'static str,
}

const TOLERATED: &[Tolerated] = &[
    Tolerated {
        is_there: |_, _| true,
        kinds: &["flock(unlock) *"],
        warns: false,
        reason: "the lock ends with the process at the latest",
    },
    Tolerated {
        is_there: |_, _| true,
        kinds: &["close(read-only) *"],
        warns: false,
        reason: "nothing was written through it, and all was read",
    },
    Tolerated {
        is_there: backs_up,
        kinds: &["statx(path) repository/tmp.tmp"],
        warns: false,
        reason: "whether Python's repozo is at work is seen again when the repository is looked at before the end",
    },
    Tolerated {
        is_there: backs_up,
        kinds: &["openat repository/STAMP.dat", "statx repository/STAMP.dat", "pread64 repository/STAMP.dat"],
        warns: false,
        reason: "what could not be read at the first look is read again before anything is decided",
    },
    Tolerated {
        is_there: |scenario, call| backs_up(scenario, call) && !call.is_copying,
        kinds: &[
            "openat Data.fs.index",
            "statx Data.fs.index",
            "pread64 Data.fs.index",
            "statx Data.fs",
            "pread64 Data.fs",
        ],
        warns: false,
        reason: "the index of the database is a short cut; without it all of the database is scanned",
    },
    Tolerated {
        is_there: |scenario, call| backs_up(scenario, call) && !call.is_copying,
        kinds: &[
            "openat repository/STAMP.index",
            "statx repository/STAMP.index",
            "pread64 repository/STAMP.index",
        ],
        warns: false,
        reason: "the index of the backup before is a short cut; without it one is made from the database",
    },
    Tolerated {
        is_there: |scenario, call| backs_up(scenario, call) && !call.is_copying && !scenario.kills_old(),
        kinds: &["openat DATA", "statx DATA", "statx(path) DATA", "pread64 DATA"],
        warns: true,
        reason: "what cannot be read is not built upon; a full is made, and it is told why",
    },
    Tolerated {
        is_there: |scenario, _| scenario.kills_old(),
        kinds: &["openat DATA", "statx DATA", "statx(path) DATA", "pread64 DATA"],
        warns: false,
        reason: "of a chain that is to go, what cannot be read shows nothing for or against it",
    },
    Tolerated {
        is_there: |scenario, call| scenario.begin == Begin::HalfDone && !call.is_copying,
        kinds: &[
            "openat(create) repository/STAMP.dat.HEX.part",
            "statx repository/STAMP.dat.HEX.part",
            "fchmod repository/STAMP.dat.HEX.part",
            "write repository/STAMP.dat.HEX.part",
            "fsync repository/STAMP.dat.HEX.part",
            "close repository/STAMP.dat.HEX.part",
            "rename repository/STAMP.dat.HEX.part repository/STAMP.dat",
            "openat repository",
            "fsync repository",
            "unlink repository/STAMP.index",
            "unlink repository/STAMP.tags",
            "unlink repository/STAMP.blobs",
            "unlink DATA",
            "unlink repository/STAMP.dat.removed",
            "unlink repository/STAMP.deltafs.HEX.part",
        ],
        warns: true,
        reason: "what a run that died left and cannot be settled is told, is not built upon, and waits for the next run",
    },
    Tolerated {
        is_there: |scenario, _| scenario.begin == Begin::HalfDone,
        kinds: &[
            "openat repository/STAMP.dat.removed",
            "statx repository/STAMP.dat.removed",
            "pread64 repository/STAMP.dat.removed",
        ],
        warns: false,
        reason: "the files of a chain that is going are known by their names, too",
    },
    Tolerated {
        is_there: backs_up,
        kinds: &[
            "openat repository/STAMP.blobs",
            "statx repository/STAMP.blobs",
            "pread64 repository/STAMP.blobs",
        ],
        warns: false,
        reason: "what another list knows of blobs is a short cut; without it they are copied again",
    },
    Tolerated {
        is_there: |scenario, call| backs_up(scenario, call) && call.kind().contains(" repository/blobs/new/"),
        kinds: &["ioctl *"],
        warns: false,
        reason: "a blob whose blocks cannot be shared is copied",
    },
    Tolerated {
        is_there: forgets,
        kinds: &[
            "statx(path) repository/tmp.tmp",
            "openat repository/STAMP.dat",
            "statx repository/STAMP.dat",
            "pread64 repository/STAMP.dat",
            "openat DATA",
            "statx DATA",
            "statx(path) DATA",
            "pread64 DATA",
            "openat repository/STAMP.blobs",
            "statx repository/STAMP.blobs",
            "statx(path) repository/STAMP.blobs",
            "pread64 repository/STAMP.blobs",
        ],
        warns: false,
        reason: "what cannot be read counts as damaged: it keeps no other backup from being kept, and no blob is removed",
    },
    Tolerated {
        is_there: |scenario, call| forgets(scenario, call) && call.kind().contains(" repository/blobs"),
        kinds: &[
            "openat *",
            "newfstatat *",
            "getdents64 *",
            "statx *",
            "pread64 *",
            "statx(path) *",
            "unlink *",
            "fsync *",
        ],
        warns: true,
        reason: "what goes for a blob that cannot be read, and blobs that are not removed, wait for the next forget",
    },
    Tolerated {
        is_there: |scenario, call| forgets(scenario, call) && call.kind().contains("notes.json"),
        kinds: &[
            "openat *",
            "openat(create) *",
            "statx *",
            "pread64 *",
            "fchmod *",
            "write *",
            "fsync *",
            "close *",
            "readlink *",
            "rename *",
        ],
        warns: true,
        reason: "what was verified is remembered to save time",
    },
    Tolerated {
        is_there: forgets,
        kinds: &["statx(path) repository", "openat repository", "fsync repository"],
        warns: true,
        reason: "the same, of its name",
    },
    Tolerated {
        is_there: reads_only,
        kinds: &["openat DATA", "flock DATA"],
        warns: false,
        reason: "the lock that keeps -k of another run away cannot be had; whether the file can be read is seen next",
    },
    Tolerated {
        is_there: recovers,
        kinds: &["openat repository/STAMP.dat", "statx repository/STAMP.dat", "pread64 repository/STAMP.dat"],
        warns: false,
        reason: "the first look is for what to lock; the second one counts",
    },
    Tolerated {
        is_there: reads_only,
        kinds: &["statx(path) repository/STAMP.index"],
        warns: false,
        reason: "how much room it takes, and whether it is there, is seen when it is opened",
    },
    Tolerated {
        is_there: recovers_anew,
        kinds: &[
            "openat repository/STAMP.index",
            "statx repository/STAMP.index",
            "pread64 repository/STAMP.index",
        ],
        warns: true,
        reason: "ZODB makes an index that was not restored",
    },
    Tolerated {
        is_there: updates,
        kinds: &[
            "openat repository/STAMP.index",
            "statx repository/STAMP.index",
            "pread64 repository/STAMP.index",
            "statx restored/Data.fs",
            "pread64 restored/Data.fs",
        ],
        warns: false,
        reason: "the index of a database that is updated is made by a walk along it instead",
    },
    Tolerated {
        is_there: updates,
        kinds: &[
            "openat restored/Data.fs.index",
            "statx restored/Data.fs.index",
            "pread64 restored/Data.fs.index",
        ],
        warns: false,
        reason: "an old index that cannot be read is removed before anything is written",
    },
];

fn backs_up(scenario: &Scenario, _call: &Call) -> bool {
    scenario.verb == Verb::Backup
}

fn forgets(scenario: &Scenario, _call: &Call) -> bool {
    scenario.verb == Verb::Forget
}

fn recovers(scenario: &Scenario, _call: &Call) -> bool {
    matches!(scenario.verb, Verb::RecoverToFile | Verb::RecoverToStdout)
}

fn recovers_anew(scenario: &Scenario, call: &Call) -> bool {
    recovers(scenario, call) && !scenario.is_in_place()
}

fn updates(scenario: &Scenario, _call: &Call) -> bool {
    scenario.is_in_place()
}

fn reads_only(scenario: &Scenario, call: &Call) -> bool {
    !backs_up(scenario, call)
}

/// The row that lets a run end with status 0 although this call failed, if there is one.
pub(super) fn row(scenario: &Scenario, call: &Call) -> Option<&'static Tolerated> {
    let kind = call.kind();
    let of_data = kind
        .split_once(" repository/STAMP.")
        .filter(|(_, ending)| ["fs", "fsz", "deltafs", "deltafsz"].contains(ending));
    let of_data = of_data.map(|(syscall, _)| format!("{syscall} DATA"));
    let any = format!("{} *", kind.split(' ').next().unwrap());
    let is_meant = |meant: &str| meant == kind || meant == any || of_data.as_deref() == Some(meant);
    TOLERATED
        .iter()
        .find(|row| (row.is_there)(scenario, call) && row.kinds.iter().any(|meant| is_meant(meant)))
}
