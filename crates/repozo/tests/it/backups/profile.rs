use super::{of_type, text};
use crate::common::{binary, ours};
use crate::safety::Room;
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use testkit::Ran;

impl Room {
    fn configure(&self, more: &str) -> PathBuf {
        let path = self.path("repozo.toml");
        let (source, repository) = (self.file(), self.repository());
        let text = format!("[profile.plone]\nsource = {source:?}\nrepository = {repository:?}\n{more}\n");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A line with `-P plone` and the configuration.
    fn with_profile(&self, line: &str) -> Ran {
        let config = self.path("repozo.toml").into_os_string();
        let words = line.split(' ').map(OsString::from);
        let words: Vec<_> = words.chain(["-P".into(), "plone".into(), "--config".into(), config]).collect();
        ours(&self.clock, &words)
    }
}

#[test]
fn what_is_not_given_is_as_the_profile_says() {
    let mut room = Room::new();
    room.configure("gzip = true\nkeep-last = 1\nmax-age = \"1h\"");
    room.with_profile("backup").expect_success();
    assert_eq!(room.backups(), ["2023-11-14-22-13-20.fsz"]);
    room.pass(86_400);
    room.grow();
    room.with_profile("backup --full").expect_success();
    assert_eq!(room.backups().len(), 2);
    assert!(text(&room.with_profile("list").expect_success()).contains("2 chains"));
    // The live database is looked at, and the age is a problem.
    room.grow();
    let ran = room.with_profile("status");
    assert_eq!(ran.status, 3);
    assert!(text(&ran).contains("not backed up: 1 transaction"), "{}", text(&ran));
    room.with_profile("status --max-age 52w").expect_success();
    // Rules that are given are all that there are.
    room.with_profile("forget --keep-last 2 --apply").expect_success();
    assert_eq!(room.backups().len(), 2);
    room.with_profile("forget --apply").expect_success();
    assert_eq!(room.backups().len(), 1);
}

#[test]
fn a_run_backs_up_forgets_and_tells_the_status() {
    let mut room = Room::new();
    room.configure("keep-last = 1\nmax-age = \"26h\"");
    room.with_profile("run").expect_success();
    room.pass(60);
    room.database.pack(4);
    room.grow();
    let ran = room.with_profile("run --json").expect_success();
    let lines: Vec<Value> = text(&ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(of_type(&lines, "status")[0]["problems"], serde_json::json!([]));
    assert_eq!(room.backups().len(), 1, "the pack made a full necessary, and one is kept");
    assert_eq!(room.recovered(&["-w"]), room.database.bytes());
    // Behind a backup that failed nothing is forgotten.
    room.pass(60);
    room.grow();
    room.backup("F").expect_success();
    std::fs::write(room.file(), b"no database").unwrap();
    let ran = room.with_profile("run");
    assert_eq!((ran.status, room.backups().len()), (1, 2), "{}", ran.stderr);
}

#[test]
fn what_is_wrong_with_the_configuration_is_told_in_a_line() {
    let room = Room::new();
    let config = room.configure("keep-dayly = 7");
    let ran = room.with_profile("backup");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("did you mean \"keep-daily\"?"), "{}", ran.stderr);
    let ran = ours(&room.clock, &crate::common::args!["run", "-P", "plone", "--config", &config]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    std::fs::remove_file(&config).unwrap();
    assert_eq!(room.with_profile("list").status, 2);
    assert!(room.backups().is_empty());
}

/// Arguments before the environment, the environment before the profile; of the user before that of the system.
#[test]
fn arguments_go_before_the_environment_and_that_before_the_profile() {
    let room = Room::new();
    room.backup("").expect_success();
    std::fs::create_dir(room.path("config")).unwrap();
    let elsewhere = room.path("nowhere");
    let text = format!("[profile.p]\nrepository = {elsewhere:?}\n");
    std::fs::write(room.path("config/repozo.toml"), text).unwrap();
    let run = |words: &[&str], environment: Option<PathBuf>| {
        let mut command = binary();
        command.args(words).env("XDG_CONFIG_HOME", room.path("config")).env_remove("REPOZO_REPOSITORY");
        command.envs(environment.map(|dir| ("REPOZO_REPOSITORY", dir)));
        command.output().unwrap().status.code().unwrap()
    };
    let here = room.repository();
    assert_eq!(run(&["list", "-P", "p"], None), 10);
    assert_eq!(run(&["list", "-P", "p"], Some(here.clone())), 0);
    assert_eq!(run(&["list", "-P", "p", "-r", here.to_str().unwrap()], Some(elsewhere.clone())), 0);
    assert_eq!(run(&["list", "-P", "q"], None), 2);
    let show = |environment: &str| {
        let mut command = binary();
        command.arg("show-config").env("XDG_CONFIG_HOME", room.path("config"));
        let output = command.env("REPOZO_REPOSITORY", environment).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let origin = room.path("config/repozo.toml").display().to_string();
    let (elsewhere, shown) = (elsewhere.display(), show(""));
    assert!(shown.contains("\n[profile.\"p\"]\n") && shown.contains(&format!("# {origin}: read")), "{shown}");
    let [file, environment] = [&shown, &show("/other")]
        .map(|shown| shown.lines().find(|line| line.starts_with("repository = ")).unwrap().to_owned());
    assert!(file.starts_with(&format!("repository = \"{elsewhere}\" ")) && file.ends_with(&origin), "{file}");
    assert!(environment.starts_with("repository = \"/other\" "), "{environment}");
    assert!(environment.contains(&format!("before \"{elsewhere}\" of {origin}")), "{environment}");
}

/// What is shipped is read as it is.
#[test]
fn the_shipped_configuration_can_be_read() {
    let path = testkit::root().join("packaging/repozo.toml");
    let ran =
        ours(&testkit::TestClock::at(1_800_000_000), &crate::common::args!["show-config", "--config", path]);
    let told = text(&ran.expect_success());
    assert!(told.contains("[profile.\"plone\"]") && told.contains("keep-monthly = 12"), "{told}");
}
