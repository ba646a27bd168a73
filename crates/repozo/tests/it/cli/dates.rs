use super::{Site, assert_fails_with_a_line, assert_succeeds_in_silence, assert_succeeds_with_warnings};
use testkit::Oracle;

const FIRST: &str = "2027-01-15-08-00-00";
const LAST: &str = "2027-01-15-10-00-00";

/// To stdout, so that nothing has to be cleaned between two runs.
fn recover(date: &str) -> String {
    format!("-R -r REPO -D {date}")
}

#[test]
fn every_accepted_form_of_a_date_gives_pythons_state() {
    let (site, mut oracle) = (Site::with_backups("", 2), Oracle::start());
    for date in [
        "2027-01-15-08-00-00",
        "2027-01-15-08-59-59",
        "2027-01-15-09-00-00",
        "2027-01-15-10-00-00",
        "2027-01-15-10-00-01",
        "2027-01-15-08-01",
        "2027-01-15-11",
        "2027-01-16",
        "2028-02-29",
        // "Whatever there is", as some scripts say; and a leap second.
        "9999-12-31",
        "9999-12-31-23-59-59",
        "2027-01-15-23-59-60",
    ] {
        assert_succeeds_in_silence(&site.both(&mut oracle, &recover(date)));
    }
    // These name a minute and an hour in which there is a backup, and mean before it, as to Python.
    for date in ["2027-01-15-09-00", "2027-01-15-09", "2027-01-15-10"] {
        let ran = site.both(&mut oracle, &recover(date));
        assert_succeeds_with_warnings(&ran, &["1 later backup up to 2027-01-15-"]);
    }
    // An empty date is none.
    assert_succeeds_in_silence(&site.both(&mut oracle, "-R -r REPO --date="));
}

#[test]
fn a_date_before_every_backup_fails_as_in_python_and_says_what_there_is() {
    let (site, mut oracle) = (Site::with_backups("", 2), Oracle::start());
    for date in ["2027-01-15-07-59-59", "2027-01-14", "1970-01-01", "0001-01-01-00-00"] {
        let ran = site.both(&mut oracle, &recover(date));
        assert_fails_with_a_line(&ran, &[&format!("No files in repository before {date}; "), FIRST, LAST]);
    }
    // Short for the very time of backups: the line before says that they were left out.
    for date in ["2027-01-15-08-00", "2027-01-15-08", "2027-01-15"] {
        let ran = site.both(&mut oracle, &recover(date));
        assert!(ran.stderr.contains("means before the first second"), "{}", ran.stderr);
        assert_eq!((ran.status, ran.stderr.lines().count()), (1, 2), "{}", ran.stderr);
    }
}

#[test]
fn an_empty_repository_has_no_files_before_any_date() {
    let (site, mut oracle) = (Site::new(), Oracle::start());
    for line in
        ["-R -r REPO", "-R -r REPO -D 2027-01-15", "-R -r REPO -o TARGET -w", "-V -r REPO", "-V -Q -r REPO"]
    {
        assert_fails_with_a_line(&site.both(&mut oracle, line), &["No files in repository"]);
    }
    assert!(!site.target().exists());
}

/// Python compares text and recovers the newest state, or none, for any of these.
#[test]
fn what_is_no_date_is_refused_with_the_accepted_forms_and_the_covered_range() {
    let site = Site::with_backups("", 2);
    std::fs::write(site.target(), "old").unwrap();
    for date in [
        "now",
        "zzz",
        "2027",
        "2027-01",
        "2027-1-15",
        "2027/01/15",
        "2027-01-15T09:00:00",
        "2027-01-15-09-00-00Z",
        "2027-01-15-",
        "2027-01-15-9",
        "2027-13-01",
        "2027-02-29",
        "2027-01-15-24",
        "2027-01-15-23-60",
        "2027-01-15-23-59-61",
        "20270115",
        "２０２７-01-15",
    ] {
        let ran = site.ours(&format!("-R -r REPO -o TARGET -D {date}"));
        let words = ["is not a date", "YYYY-MM-DD-hh-mm-ss", "YYYY-MM-DD,", "UTC", FIRST, LAST];
        assert_fails_with_a_line(&ran, &words);
        assert!(ran.stderr.starts_with(&format!("--date {date} ")), "{}", ran.stderr);
    }
    assert_eq!(std::fs::read(site.target()).unwrap(), b"old");
}
