//! What is shipped beside the program speaks of commands that it takes.

use crate::common::binary;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use yaml_rust2::{Yaml, YamlLoader};

fn shipped(name: &str) -> String {
    std::fs::read_to_string(testkit::root().join("packaging").join(name)).unwrap()
}

fn compose() -> Yaml {
    YamlLoader::load_from_str(&shipped("compose.yaml")).unwrap().remove(0)
}

fn words(list: &Yaml) -> Vec<String> {
    list.as_vec().unwrap().iter().map(|word| word.as_str().unwrap().replace("$$", "$")).collect()
}

/// A place where the containers' `/data` and `/backups` are directories, and `repozo` is ours.
fn container() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["bin", "data/filestorage", "backups", "config"] {
        std::fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    let database = dir.path().join("data/filestorage/Data.fs");
    std::fs::copy(testkit::data("samples").join("undo.fs"), database).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_repozo"), dir.path().join("bin/repozo")).unwrap();
    // The loop ends when it would sleep.
    std::fs::write(dir.path().join("bin/sleep"), "#!/bin/sh\nkill $PPID\n").unwrap();
    std::fs::set_permissions(dir.path().join("bin/sleep"), PermissionsExt::from_mode(0o755)).unwrap();
    let config = compose()["configs"]["repozo"]["content"].as_str().unwrap().to_owned();
    std::fs::write(dir.path().join("config/repozo.toml"), moved(&config, dir.path())).unwrap();
    dir
}

fn moved(text: &str, to: &Path) -> String {
    let to = to.to_str().unwrap();
    text.replace("/data/", &format!("{to}/data/")).replace("/backups", &format!("{to}/backups"))
}

fn run_there(dir: &Path, command: &[String]) -> Output {
    let path = format!("{}:{}", dir.join("bin").display(), std::env::var("PATH").unwrap());
    let mut ran = Command::new("/usr/bin/env");
    ran.args(command.iter().map(|word| moved(word, dir)));
    ran.env("PATH", path).env("XDG_CONFIG_HOME", dir.join("config")).env_remove("REPOZO_REPOSITORY");
    ran.output().unwrap()
}

#[test]
fn the_services_of_the_compose_file_back_up_and_restore() {
    let (dir, compose) = (container(), compose());
    let services = &compose["services"];
    let repository = dir.path().join("backups");
    let ran = run_there(dir.path(), &words(&services["repozo"]["command"]));
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(!told.contains("ended with"), "{told}");
    assert_eq!(testkit::names(&repository).iter().filter(|name| name.ends_with(".fsz")).count(), 1);
    let health = words(&services["repozo"]["healthcheck"]["test"]);
    assert_eq!(health[0], "CMD");
    let ran = run_there(dir.path(), &health[1..]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let database = dir.path().join("data/filestorage/Data.fs");
    let before = std::fs::read(&database).unwrap();
    std::fs::write(&database, b"lost").unwrap();
    let ran = run_there(dir.path(), &words(&services["restore"]["command"]));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(std::fs::read(&database).unwrap(), before);
    // A failure is told, with its status, and does not end the loop.
    std::fs::remove_file(&database).unwrap();
    let ran = run_there(dir.path(), &words(&services["repozo"]["command"]));
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.ends_with("repozo ended with 1\n"), "{told}");
}

/// Only what restores can write to the database; what a service mounts, the file has.
#[test]
fn the_compose_file_gives_backups_a_database_that_they_cannot_change() {
    let compose = compose();
    let volumes = |service: &str| words(&compose["services"][service]["volumes"]);
    assert!(volumes("repozo").contains(&"data:/data:ro".to_owned()));
    assert!(volumes("zeo").contains(&"data:/data".to_owned()));
    assert!(volumes("restore").contains(&"backups:/backups:ro".to_owned()));
    for service in ["zeo", "repozo", "restore"] {
        for volume in volumes(service) {
            let source = volume.split(':').next().unwrap();
            let declared = compose["volumes"].as_hash().unwrap().contains_key(&Yaml::String(source.into()));
            assert!(declared || source == "/usr/bin/repozo", "{service}: {volume}");
        }
    }
}

/// The commands that comments and other files tell: `VERB --help` with the options that they give parses.
#[test]
fn the_commands_of_what_is_shipped_are_taken() {
    let mut seen = 0;
    for name in ["compose.yaml", "buildout.cfg", "crontab", "repozo@.service", "repozo.toml"] {
        for line in shipped(name).lines() {
            // What is behind the last `repozo` that a verb follows.
            let Some((_, rest)) = line.rsplit_once("repozo ").or_else(|| line.rsplit_once("{:program} "))
            else {
                continue;
            };
            let end = rest.find(['|', '>', '`', '#', ',', ';']).unwrap_or(rest.len());
            let words: Vec<&str> = rest[..end].split_whitespace().collect();
            if !words.iter().any(|word| word.starts_with('-')) {
                continue;
            }
            let ran = binary().args(&words).arg("--help").output().unwrap();
            assert!(ran.status.success(), "{name}: {line}: {}", String::from_utf8_lossy(&ran.stderr));
            let help = String::from_utf8(ran.stdout).unwrap();
            for option in words.iter().filter(|word| word.starts_with('-')) {
                assert!(help.contains(*option), "{name}: {line}: there is no {option}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
}
