use super::{Site, assert_succeeds_in_silence};
use std::collections::BTreeSet;
use testkit::{Oracle, Ran};

/// Two sites that differ in nothing but the program that works on them.
struct Twins {
    ours: Site,
    pythons: Site,
    oracle: Oracle,
}

impl Twins {
    fn new() -> Twins {
        Twins { ours: Site::new(), pythons: Site::new(), oracle: Oracle::start() }
    }

    fn grow(&mut self) {
        self.ours.grow();
        self.pythons.grow();
    }

    /// Runs a line with `-v` on both; the lines that both said, with the same names for the directories.
    fn run(&mut self, line: &str) -> (Vec<String>, Vec<String>) {
        let line = format!("{line} -v");
        let (ours, pythons) = (self.ours.ours(&line), self.pythons.pythons(&mut self.oracle, &line));
        assert_eq!((ours.status, pythons.status), (0, 0), "{line}: {}{}", ours.stderr, pythons.stderr);
        assert_eq!(ours.stdout, pythons.stdout, "{line}");
        let hour = std::time::Duration::from_secs(3600);
        self.ours.clock.pass(hour);
        self.pythons.clock.pass(hour);
        (lines(&self.ours, &ours), lines(&self.pythons, &pythons))
    }

    #[track_caller]
    fn assert_same(&mut self, line: &str, words: &str) {
        let (ours, pythons) = self.run(line);
        assert_eq!(ours, pythons, "{line}");
        assert!(ours.iter().any(|line| line.contains(words)), "{words:?} is not in {ours:?}");
    }
}

fn lines(site: &Site, ran: &Ran) -> Vec<String> {
    let dir = site.dir.path().to_str().unwrap();
    ran.stderr.lines().map(|line| line.replace(dir, "DIR")).collect()
}

#[test]
fn a_backup_says_what_pythons_says_whatever_is_decided() {
    for quick in ["", "-Q"] {
        let mut twins = Twins::new();
        let line = format!("-B {quick} -r REPO -f SOURCE");
        twins.assert_same(&line, "doing a full backup");
        twins.assert_same(&line, "No changes, nothing to do");
        twins.grow();
        twins.assert_same(&line, "doing incremental, starting at: ");
        twins.grow();
        twins.assert_same(&format!("{line} -z"), "writing incremental: ");
        twins.assert_same(&line, "No changes, nothing to do");
        twins.assert_same(&format!("{line} -F"), "doing a full backup");
        for site in [&mut twins.ours, &mut twins.pythons] {
            site.database.pack(6);
            site.write_source();
        }
        twins.assert_same(&line, "file shrunk, possibly because of a pack (full backup)");
        for site in [&mut twins.ours, &mut twins.pythons] {
            site.database = testkit::Database::of_another_history(60);
            site.write_source();
        }
        twins.assert_same(&line, "file changed, possibly because of a pack (full backup)");
    }
}

#[test]
fn a_quick_backup_without_a_list_says_so() {
    let mut twins = Twins::new();
    twins.run("-B -r REPO -f SOURCE");
    twins.grow();
    twins.run("-B -r REPO -f SOURCE");
    for site in [&twins.ours, &twins.pythons] {
        site.remove("2027-01-15-08-00-00.dat");
    }
    twins.assert_same("-B -Q -r REPO -f SOURCE", "missing or empty .dat file (full backup)");
}

/// Ours deletes the newest first: what is left of a chain can be used at every moment.
#[test]
fn deleting_old_backups_names_the_same_files() {
    let mut twins = Twins::new();
    twins.run("-B -r REPO -f SOURCE");
    twins.grow();
    twins.run("-B -z -r REPO -f SOURCE");
    let (ours, pythons) = twins.run("-B -F -k -r REPO -f SOURCE");
    let set = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(set(&ours), set(&pythons));
    assert_eq!(ours.len(), pythons.len());
    assert_eq!(ours.iter().filter(|line| line.starts_with("removing old backup file 2027")).count(), 2);
    assert_eq!(twins.ours.names(), twins.pythons.names());
}

/// Ours does not delete the old database first: it says that it replaces it, and at the end.
#[test]
fn a_recovery_says_what_pythons_says() {
    let mut twins = Twins::new();
    twins.run("-B -r REPO -f SOURCE");
    twins.grow();
    twins.run("-B -z -r REPO -f SOURCE");
    twins.assert_same("-R -r REPO", "Recovering file to stdout");
    twins.assert_same("-R -w -r REPO", "Recovered a total of ");
    twins.assert_same("-R -r REPO -o TARGET -D 2027-01-15-08-30", "Restoring index file ");
    for line in ["-R -r REPO -o TARGET", "-R -w -r REPO -o TARGET"] {
        let (mut ours, mut pythons) = twins.run(line);
        ours.retain(|line| line != "Replacing old DIR/Restored.fs");
        pythons.retain(|line| line != "Deleting old DIR/Restored.fs");
        assert_eq!(ours, pythons);
    }
    for site in [&twins.ours, &twins.pythons] {
        site.remove("2027-01-15-09-00-00.index");
        std::fs::remove_file(site.target()).unwrap();
    }
    twins.assert_same("-R -r REPO -o TARGET", "No index file to restore: ");
}

#[test]
fn a_verification_says_what_pythons_says() {
    let mut twins = Twins::new();
    twins.run("-B -r REPO -f SOURCE");
    twins.grow();
    twins.run("-B -z -r REPO -f SOURCE");
    twins.assert_same("-V -r REPO", "Verifying DIR/repo/2027-01-15-09-00-00.deltafsz");
    twins.assert_same("-V -Q -r REPO", "Verifying DIR/repo/2027-01-15-08-00-00.fs");
}

#[test]
fn without_v_success_is_silent() {
    let mut site = Site::new();
    for line in ["-B -r REPO -f SOURCE", "-B -Q -r REPO -f SOURCE", "-B -r REPO -f SOURCE"] {
        assert_succeeds_in_silence(&site.ours(line));
    }
    site.clock.pass(std::time::Duration::from_secs(60));
    site.grow();
    for line in [
        "-B -z -r REPO -f SOURCE",
        "-B -Fk -r REPO -f SOURCE",
        "-R -r REPO",
        "-R -r REPO -o TARGET",
        "-R -w -r REPO -o TARGET",
        "-V -r REPO",
        "-V -Q -r REPO",
    ] {
        assert_succeeds_in_silence(&site.ours(line));
    }
}
