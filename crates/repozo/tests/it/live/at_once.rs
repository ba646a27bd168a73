//! Several runs of ours in one repository at once: one makes a backup, the others say that they must not, or
//! wait for their turn.

use super::stopped::{Started, ours, start};
use super::{Acknowledged, Moment, Site, backup_words, backups, fingerprint, seed, stamp};
use crate::common::{args, binary, run_binary};
use std::ffi::OsString;
use std::process::Stdio;
use testkit::Ran;

const REFUSAL: &str = "is locked: another repozo is writing to it; wait for it to end, or use --wait SECONDS";

/// Starts as many runs as there are words, and waits for the end of all.
fn at_once(words: &[Vec<OsString>]) -> Vec<Ran> {
    let start = |words: &Vec<OsString>| binary().args(words).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = words.iter().map(start).collect();
    children.into_iter().map(|child| super::ran(child.wait_with_output().unwrap())).collect()
}

/// The repository is sound, its newest state is as new as it must be, and whatever is new in it restores.
fn judge(site: &mut Site, begun: &Moment, acknowledged: &mut Acknowledged, what: &str) {
    let (repository, out) = (site.repository(), site.path("out/Data.fs"));
    let verified = run_binary(&args!["-V", "-r", &repository]);
    assert_eq!((verified.status, verified.stderr.as_str()), (0, ""), "{what}");
    for name in backups(&repository) {
        let stamp = stamp(&name);
        if acknowledged.0.contains_key(stamp) {
            continue;
        }
        run_binary(&args!["-R", "-w", "-D", stamp, "-r", &repository, "-o", &out]).expect_success();
        // The first of several ended while the others waited: older ones were begun as early as this one.
        if let Err(reason) = site.judge(begun, &out) {
            panic!("{what}: {name} {reason}");
        }
        acknowledged.0.insert(stamp.to_owned(), fingerprint(&out));
    }
    acknowledged.assert_all_restore(&repository, &out, |_| false);
}

#[test]
fn of_two_and_of_five_runs_at_once_one_makes_the_backup_and_the_others_say_why_not() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut site = Site::start(random.u64(..), 2, Some(40..400));
    let mut acknowledged = Acknowledged::default();
    let (mut made, mut refused) = (0, 0);
    for count in [2, 5, 2, 5] {
        let flags = random.choice(["Q", "", "Qz", "F"]).unwrap();
        let begun = site.moment();
        let words = vec![backup_words(flags, &site.repository(), &site.file()); count];
        let all = at_once(&words);
        let what = format!("{count} times -B{flags} at once");
        for ran in &all {
            match ran.status {
                0 => assert_eq!(ran.stderr, "", "{what}"),
                1 => assert!(ran.stderr.trim_end().ends_with(REFUSAL), "{what}: {}", ran.stderr),
                status => panic!("{what}: {status}, {}", ran.stderr),
            }
        }
        let made_now = all.iter().filter(|ran| ran.status == 0).count();
        assert!(made_now > 0, "{what}: nobody made a backup");
        made += made_now;
        refused += count - made_now;
        judge(&mut site, &begun, &mut acknowledged, &what);
    }
    site.end();
    println!("at once: {made} made a backup, {refused} were refused");
    assert!(refused > 0, "nobody met another");
}

#[test]
fn runs_that_wait_for_each_other_all_make_their_backup() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut site = Site::start(random.u64(..), 2, Some(40..400));
    let mut acknowledged = Acknowledged::default();
    for count in [2, 5] {
        let begun = site.moment();
        let mut words = backup_words("Q", &site.repository(), &site.file());
        words.extend(args!["--wait", "120"]);
        let before = backups(&site.repository()).len();
        for ran in at_once(&vec![words; count]) {
            assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{count} at once");
        }
        // While the database grows there is something to back up for each.
        assert_eq!(backups(&site.repository()).len(), before + count);
        judge(&mut site, &begun, &mut acknowledged, &format!("{count} at once"));
    }
    site.end();
}

/// However long a run takes, and wherever it is: from its lock to its end the others are refused, at once.
#[test]
fn while_a_run_stands_still_at_any_of_its_steps_all_others_are_refused_and_it_ends_well() {
    let room = crate::safety::Room::new();
    for (call, nth) in [("flock", 1), ("fsync", 1), ("fsync", 3), ("renameat2", 1), ("renameat2", 2)] {
        let what = format!("stopped at {call} {nth}");
        room.names().iter().for_each(|name| room.remove(name));
        let words = backup_words("F", &room.repository(), &room.file());
        let Started::Stopped(stopped) = start(&ours(&words), call, nth, None) else {
            panic!("{what}: there is no such call")
        };
        for ran in at_once(&vec![words; 5]) {
            assert_eq!(ran.status, 1, "{what}");
            assert!(ran.stderr.trim_end().ends_with(REFUSAL), "{what}: {}", ran.stderr);
        }
        let first = stopped.go_on();
        assert_eq!((first.status, first.stderr.as_str()), (0, ""), "{what}");
        assert_eq!(run_binary(&args!["-V", "-r", room.repository()]).status, 0, "{what}");
        let newest = run_binary(&args!["-R", "-w", "-r", room.repository()]).expect_success();
        assert!(newest.stdout == room.database.bytes(), "{what}");
    }
}
