//! `replay TARGET FILE...`: runs a target on files, such as a fuzzer leaves.
//! `replay --seeds DIR`: writes the seeds of every target below `DIR`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a tool for tests")]

use hostile::{TARGETS, seeds};
use std::path::Path;

fn main() {
    let args: Vec<String> = std::env::args_os().skip(1).map(|arg| arg.into_string().unwrap()).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--seeds", dir] => TARGETS.iter().for_each(|target| write_seeds(target.name, Path::new(dir))),
        [name, ref files @ ..] => {
            let target = TARGETS.iter().find(|target| target.name == name);
            let target = target.unwrap_or_else(|| panic!("no target {name}"));
            files.iter().for_each(|file| (target.run)(&std::fs::read(file).unwrap()));
        }
        [] => panic!("replay TARGET FILE... | replay --seeds DIR"),
    }
}

fn write_seeds(target: &str, dir: &Path) {
    let dir = dir.join(target);
    std::fs::create_dir_all(&dir).unwrap();
    for (number, seed) in seeds(target).iter().enumerate() {
        std::fs::write(dir.join(format!("seed-{number:03}")), seed).unwrap();
    }
}
