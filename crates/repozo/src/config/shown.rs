//! The configuration as it was read, and where each value comes from.

use super::{Config, Found, KEYS};
use std::fmt::Write;
use std::path::Path;

/// Where what is said of a value begins, if the value leaves room.
const COLUMN: usize = 44;

impl Config {
    /// As it would be written into one file, with what stands where; `repository` is what the environment says.
    pub fn shown(&self, repository: Option<&Path>) -> String {
        let mut text = String::new();
        for (path, is_there) in &self.files {
            let read = if *is_there { "read" } else { "not there" };
            let _ = writeln!(text, "# {}: {read}", in_comment(path));
        }
        if let Some(dir) = repository {
            let _ = writeln!(text, "# in the environment: REPOZO_REPOSITORY={}", in_comment(dir));
        }
        for (name, found) in &self.profiles {
            let _ = write!(text, "\n{}", found.shown(name, repository));
        }
        text
    }
}

impl Found {
    fn shown(&self, name: &str, repository: Option<&Path>) -> String {
        let mut text = String::new();
        for path in &self.replaces {
            let _ = writeln!(text, "# instead of all that {} says of it", in_comment(path));
        }
        let _ = writeln!(text, "[profile.{}]", toml::Value::String(name.to_owned()));
        let table = toml::Table::try_from(&self.profile).unwrap_or_default();
        let mut unset = Vec::new();
        for key in KEYS {
            let value = table.get(key).map(ToString::to_string);
            let origin = self.origin(key);
            match (key, value, repository) {
                ("repository", value, Some(dir)) => {
                    let instead =
                        value.map(|value| format!(", before {value} of {origin}")).unwrap_or_default();
                    let dir = toml::Value::String(dir.display().to_string()).to_string();
                    let origin = format!("the environment{instead}; but not for repozo run");
                    text += &line(key, &dir, &origin);
                }
                (_, Some(value), _) => text += &line(key, &value, &origin),
                (_, None, _) => unset.push(key),
            }
        }
        if !unset.is_empty() {
            let _ = writeln!(text, "# not set: {}", unset.join(", "));
        }
        text
    }

    fn origin(&self, key: &str) -> String {
        if self.given.contains(key) { in_comment(&self.path) } else { "default".to_owned() }
    }
}

fn line(key: &str, value: &str, origin: &str) -> String {
    let set = format!("{key} = {value}");
    format!("{set:<COLUMN$}  # {origin}\n")
}

/// A name of a file may hold anything, and a comment is one line.
fn in_comment(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
