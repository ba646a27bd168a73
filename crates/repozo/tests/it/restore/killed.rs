use crate::common::{args, ours_with};
use crate::safety::Room;
use std::path::Path;
use testkit::HookFs;

/// An update was killed behind the byte that makes the new database count, before its sync. The next one found nothing to
/// change, said so, and with the power the old database came back.
#[test]
fn what_a_killed_update_wrote_last_is_made_durable_by_the_next_one() {
    let mut room = Room::new();
    room.long_chain("");
    room.restore(&[]).expect_success();
    // All is there, and the note is, too.
    let note = room.path("Restored.fs.growing");
    std::fs::write(&note, "4\n").unwrap();
    let (fs, calls) = HookFs::noting();
    let words = args!["restore", "-r", room.repository(), "-o", room.target(), "--update"];
    ours_with(&fs, &room.clock, &words).expect_success();
    let calls = calls.lock().unwrap();
    let at =
        |op: &str, path: &Path| calls.iter().position(|call| call.op == op && call.path == path).unwrap();
    assert!(at("sync", &room.target()) < at("remove", &note));
    assert!(!calls.iter().any(|call| call.op == "write_at" && call.path == room.target()));
}
