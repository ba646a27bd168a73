//! Somebody who was kept out by no lock writes to the target while it is updated: what is theirs is not cut off.

use crate::common::ours_with;
use crate::safety::Room;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Call, HookFs};

const THEIRS: &[u8] = b"what another program wrote";

#[test]
fn what_another_program_appends_during_an_update_is_left_and_told() {
    let (mut call_count, mut number, mut told_count) = (usize::MAX, 0, 0);
    while number < call_count {
        let mut room = Room::new();
        room.long_chain("");
        room.put_target(9);
        let (target, made, grows) =
            (room.target(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, growing) = (Arc::clone(&made), Arc::clone(&grows));
        let fs = HookFs::new(move |call: &Call| {
            growing.fetch_add(usize::from(call.op == "write_at" && call.path == target), Ordering::Relaxed);
            if counted.fetch_add(1, Ordering::Relaxed) == number {
                std::fs::OpenOptions::new().append(true).open(&target)?.write_all(THEIRS)?;
            }
            Ok(())
        });
        let ran = ours_with(&fs, &room.clock, &room.update_words(20, false));
        let bytes = crate::common::content(&room.target());
        if ran.stderr.contains("written to by somebody else") {
            assert_eq!(ran.status, 1, "{}", ran.stderr);
            assert!(bytes.ends_with(THEIRS), "call {number}: what was theirs was cut off");
            told_count += 1;
        } else {
            // It was there before the update began, and is no part of a database, or came behind its end.
            assert_eq!(ran.status, 0, "call {number}: {}", ran.stderr);
            assert!(bytes.starts_with(room.database.up_to(20)), "call {number}");
        }
        (call_count, number) = (made.load(Ordering::Relaxed), number + 1);
        assert!(grows.load(Ordering::Relaxed) > 1);
    }
    assert!(told_count > 3, "{told_count} of {call_count}");
}
