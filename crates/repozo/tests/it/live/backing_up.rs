//! Backups of a live database in a loop.

use super::history::Listed;
use super::traced::{self, Trace};
use super::{Acknowledged, Moment, Site, backup_words, backups, fingerprint, seed, stamp};
use crate::common::{args, run_binary, setting};
use std::collections::BTreeMap;
use testkit::Ran;

/// Flags of a backup, and how often they are drawn.
const FLAGS: [(&str, usize); 9] =
    [("Q", 10), ("", 6), ("Qz", 6), ("z", 4), ("F", 1), ("Fz", 1), ("Fk", 1), ("Fzk", 1), ("Qk", 1)];

/// Backups of a live database, and what was found out about them.
struct Loop {
    site: Site,
    random: fastrand::Rng,
    acknowledged: Acknowledged,
    /// Transactions of backups that no client knew of yet.
    unconfirmed: Vec<(String, Listed)>,
    kinds: BTreeMap<String, u64>,
    swapped: u64,
    traced: u64,
}

impl Loop {
    fn backup(&mut self, number: usize) {
        let flags: Vec<&str> =
            FLAGS.iter().flat_map(|(flags, weight)| std::iter::repeat_n(*flags, *weight)).collect();
        let flags = if number == 0 { "Q" } else { self.random.choice(&flags).unwrap() };
        let what = format!("backup {number}, -B{flags}");
        let before = backups(&self.site.repository());
        let begun = self.site.moment();
        let ran = self.run(flags, number % 3 == 2);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{what}");
        let after = backups(&self.site.repository());
        if self.site.moment().is_of_another_file_than(&begun) {
            self.swapped += 1;
        }
        let newest = after.last().unwrap().clone();
        let made = !before.contains(&newest);
        let ending = if made { newest.split_once('.').unwrap().1 } else { "nothing" };
        *self.kinds.entry(ending.to_owned()).or_default() += 1;
        // Only a full that was made lets older ones go, and only when told to.
        if made && flags.contains('k') && ending.starts_with("fs") {
            self.acknowledged.0.clear();
        }
        self.judge_newest(&what, &begun, &newest);
        if self.random.u8(0..4) == 0 {
            let verified = run_binary(&args!["-V", "-r", self.site.repository()]);
            assert_eq!((verified.status, verified.stderr.as_str()), (0, ""), "{what}");
        }
        self.site.assert_undisturbed();
    }

    /// Runs it; if it is traced, its reads take longer, so that more happens between them.
    fn run(&mut self, flags: &str, traced: bool) -> Ran {
        let (repository, file) = (self.site.repository(), self.site.file());
        let words = backup_words(flags, &repository, &file);
        if !traced {
            return run_binary(&words);
        }
        let delay_micros = self.random.u64(1..40_000);
        let log = self.site.path("out/trace");
        let ran = traced::run(&words, &log, delay_micros);
        let trace = Trace::read(&log);
        assert!(trace.opened_to_read(&file), "the trace does not show that {} was read", file.display());
        assert_eq!(trace.touched_outside(&repository), Vec::<String>::new());
        self.traced += 1;
        ran
    }

    fn judge_newest(&mut self, what: &str, begun: &Moment, newest: &str) {
        let (repository, out) = (self.site.repository(), self.site.path("out/Data.fs"));
        let mut words = args!["-R", "-r", &repository, "-o", &out].to_vec();
        if self.random.bool() {
            words.push("-w".into());
        }
        let recovered = run_binary(&words);
        assert_eq!((recovered.status, recovered.stderr.as_str()), (0, ""), "{what}");
        match self.site.judge(begun, &out) {
            Ok(unknown) => {
                self.unconfirmed.extend(unknown.into_iter().map(|listed| (what.to_owned(), listed)));
            }
            Err(reason) => panic!("{what}: {newest} {reason}"),
        }
        self.acknowledged.0.insert(stamp(newest).to_owned(), fingerprint(&out));
    }

    /// The clients end; then all is known, and all is looked at once more.
    fn end(mut self) {
        self.site.wait_for_a_pack();
        let (commits, aborted, conflicts, packs, history) = {
            self.site.end();
            let seen = self.site.watch.seen();
            (seen.all_commits(), seen.aborted, seen.conflicts, seen.packs, seen.history.clone())
        };
        for (what, listed) in &self.unconfirmed {
            assert!(history.confirms(listed), "{what} holds {listed:?}, which nobody committed");
        }
        let (file, out) = (self.site.file(), self.site.path("out/Data.fs"));
        let unknown = self.site.judge_history(&history.newest(), &file).unwrap();
        assert!(unknown.is_empty(), "the database holds what no client committed: {unknown:?}");
        self.acknowledged.assert_all_restore(&self.site.repository(), &out, |_| false);
        println!(
            "backups {:?}, {} of them traced, {} with a pack meanwhile; {} left at the end; \
             commits {commits}, aborted after vote {aborted}, conflicts {conflicts}, packs {packs}; violations 0",
            self.kinds,
            self.traced,
            self.swapped,
            self.acknowledged.0.len(),
        );
        assert!(commits > 0 && aborted > 0 && conflicts > 0 && packs > 0, "something did not take part");
    }
}

#[test]
fn every_backup_of_a_live_database_is_a_prefix_of_its_history_and_restores_to_exactly_that() {
    let seed = seed();
    let count = setting("REPOZO_LIVE_BACKUPS").unwrap_or(20);
    let mut run = Loop {
        site: Site::start(seed, 3, Some(40..900)),
        random: fastrand::Rng::with_seed(seed),
        acknowledged: Acknowledged::default(),
        unconfirmed: Vec::new(),
        kinds: BTreeMap::new(),
        swapped: 0,
        traced: 0,
    };
    for number in 0..count {
        run.backup(number);
        let pause = run.random.u64(1..60);
        run.site.wait_for_commits(pause);
    }
    run.end();
}
