//! Every read of a verification fails once. What a backup and a recovery make of it is in `crash`.

use super::Room;
use crate::common::{args, ours_with};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Call, HookFs};

const EIO: i32 = 5;

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
        let call = args!["-V", "-r", room.repository()];
        let ran = ours_with(&fs, &room.clock, &call);
        if count.load(Ordering::Relaxed) < at {
            ran.expect_success();
            assert!(at > 15, "a list, three files and three indexes");
            break;
        }
        assert_eq!(ran.status, 1, "read {at} failed in silence");
        assert!(ran.stderr.contains("2023-11-14") || ran.stderr.contains("repository"), "{}", ran.stderr);
        // What cannot be read is there.
        assert!(!ran.stderr.contains("missing"), "{}", ran.stderr);
    }
}
