//! Every call on the file system fails once, and is once where the run dies: whatever comes of it, what was
//! acknowledged restores, an error is not silent, and the next run converges.

use super::{FULL, Room};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Call, HookFs};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// Fails the n-th call, and with `dies` every one behind it, so that nothing is tidied up either.
fn failing(at: usize, dies: bool, errno: i32) -> (HookFs, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let fs = HookFs::new(move |_: &Call| {
        let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = number == at || dies && number > at;
        if fails { Err(std::io::Error::from_raw_os_error(errno)) } else { Ok(()) }
    });
    (fs, count)
}

struct Scenario {
    flags: &'static str,
    /// Backups before it.
    chain: bool,
    grows: bool,
}

const SCENARIOS: [Scenario; 8] = [
    Scenario { flags: "", chain: false, grows: false },
    Scenario { flags: "z", chain: false, grows: false },
    Scenario { flags: "Q", chain: true, grows: true },
    Scenario { flags: "", chain: true, grows: true },
    Scenario { flags: "Qz", chain: true, grows: true },
    Scenario { flags: "Q", chain: true, grows: false },
    Scenario { flags: "Fk", chain: true, grows: true },
    Scenario { flags: "Fzk", chain: true, grows: false },
];

impl Scenario {
    /// The state before, and the acknowledged states by their dates.
    fn room(&self) -> (Room, Vec<(String, Vec<u8>)>) {
        let mut room = Room::new();
        let mut states = Vec::new();
        if self.chain {
            let dates = [FULL, super::FIRST, super::SECOND].map(str::to_owned);
            states = dates.into_iter().zip(room.chain_of_three()).collect();
            room.pass(60);
        }
        if self.grows {
            room.grow();
        }
        (room, states)
    }
}

#[track_caller]
fn judge(room: &mut Room, scenario: &Scenario, acknowledged: &[(String, Vec<u8>)], status: u8, place: &str) {
    let deletes = scenario.flags.contains('k');
    let newest = room.database.bytes().to_vec();
    let old = acknowledged.last().map(|(_, bytes)| bytes.clone());
    // The newest state is the old one or the new one; after an acknowledgement the new one.
    match (&old, room.backups().is_empty()) {
        (None, true) => assert_ne!(status, 0, "{place}: acknowledged and not there"),
        _ => {
            let ran = crate::common::ours(&room.clock, &crate::common::args!["-R", "-r", room.repository()]);
            assert_eq!(ran.status, 0, "{place}: {}", ran.stderr);
            let is_old = old.as_ref() == Some(&ran.stdout);
            assert!(
                ran.stdout == newest || is_old && status != 0,
                "{place}: neither the old state nor the new one"
            );
        }
    }
    for (date, bytes) in acknowledged.iter().filter(|_| !deletes) {
        assert_eq!(&room.recovered(&["-D", date]), bytes, "{place}: {date}");
    }
    // The next run converges, and everything is sound.
    room.pass(60);
    room.grow();
    let ran = room.backup("Q");
    assert_eq!(ran.status, 0, "{place}: {}", ran.stderr);
    assert_eq!(room.recovered(&["-w"]), room.database.bytes(), "{place}");
    let verified = room.verify();
    assert_eq!(verified.status, 0, "{place}: {}", verified.stderr);
    let litter: Vec<_> = room
        .names()
        .into_iter()
        .filter(|name| name.ends_with(".part") || name.ends_with(".removed") || name.ends_with(".unlisted"))
        .collect();
    assert!(litter.is_empty(), "{place}: {litter:?}");
}

#[test]
fn every_call_of_a_backup_fails_once_and_is_once_where_it_dies() {
    let mut state_count = 0;
    for scenario in &SCENARIOS {
        for (dies, errno) in [(false, EIO), (false, ENOSPC), (true, EIO)] {
            for at in 1.. {
                let (mut room, states) = scenario.room();
                let (fs, count) = failing(at, dies, errno);
                let ran = room.backup_on(&fs, scenario.flags);
                let place = format!("-B{} call {at}, errno {errno}, dies {dies}", scenario.flags);
                assert!(ran.stderr.lines().count() <= 3, "{place}: {}", ran.stderr);
                if ran.status != 0 {
                    assert!(!ran.stderr.is_empty(), "{place}: an error without a word");
                }
                let reached = count.load(Ordering::Relaxed) >= at;
                judge(&mut room, scenario, &states, ran.status, &place);
                state_count += 1;
                if !reached {
                    break;
                }
            }
        }
    }
    assert!(state_count > 500, "{state_count}");
}

#[test]
fn every_file_that_a_verification_cannot_read_is_a_problem() {
    let mut room = Room::new();
    room.chain_of_three();
    for at in 1.. {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let fs = HookFs::new(move |call: &Call| {
            let reads = matches!(call.op, "open" | "read_at" | "list");
            let fails = reads && counter.fetch_add(1, Ordering::Relaxed) + 1 == at;
            if fails { Err(std::io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
        });
        let call = crate::common::args!["-V", "-r", room.repository()];
        let ran = crate::common::ours_with(&fs, &room.clock, &call);
        if count.load(Ordering::Relaxed) < at {
            ran.expect_success();
            assert!(at > 15, "a list, three files and three indexes");
            break;
        }
        assert_eq!(ran.status, 1, "read {at} failed in silence");
        assert!(ran.stderr.contains("2023-11-14") || ran.stderr.contains("repository"), "{}", ran.stderr);
    }
}
