//! The mutants as `cargo mutants --list --json` tells them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

#[derive(Deserialize)]
struct Span {
    start: Spot,
}

#[derive(Deserialize)]
struct Listed {
    file: String,
    genre: String,
    replacement: String,
    span: Span,
}

pub struct Mutant {
    pub number: usize,
    pub replacement: String,
}

/// The mutants of one file, by what they change and where that begins.
pub type Mutants = BTreeMap<(String, Spot), Vec<Mutant>>;

pub fn by_file(json: &str, without: &BTreeSet<usize>) -> serde_json::Result<BTreeMap<String, Mutants>> {
    let mut files: BTreeMap<String, Mutants> = BTreeMap::new();
    for (number, listed) in serde_json::from_str::<Vec<Listed>>(json)?.into_iter().enumerate() {
        let mutants = files.entry(listed.file).or_default();
        if !without.contains(&number) {
            let mutant = Mutant { number, replacement: listed.replacement };
            mutants.entry((listed.genre, listed.span.start)).or_default().push(mutant);
        }
    }
    Ok(files)
}
