//! `weave LIST ROOT WITHOUT MAP` writes the mutants of LIST (`cargo mutants --list --json`) into the sources below ROOT, each behind
//! the switch with its number in the list, but for those whose numbers are in WITHOUT; and into MAP where each of them is.

#![allow(clippy::disallowed_methods, reason = "the rules of the program are not those of a tool")]

mod edits;
mod list;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [list, root, without, map] = words.as_slice() else {
        return Err("weave LIST ROOT WITHOUT MAP".into());
    };
    let without: BTreeSet<usize> = serde_json::from_str(&fs::read_to_string(without)?)?;
    let mut files: BTreeMap<String, edits::Woven> = BTreeMap::new();
    for (file, mutants) in list::by_file(&fs::read_to_string(list)?, &without)? {
        let path = Path::new(root).join(&file);
        let source = fs::read_to_string(&path)?;
        let woven = places::weave(&source, mutants)?;
        fs::write(&path, &woven.text)?;
        files.insert(file, woven);
    }
    fs::write(map, serde_json::to_string(&files)?)?;
    Ok(())
}
