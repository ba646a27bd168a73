//! The configuration: profiles, which say what is done again and again.

mod shown;

use crate::args::parse_duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vfs::Fs;

/// A longer file is none.
const LEN_LIMIT: u64 = 1 << 20;

/// What a profile says; what it does not say is as without it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Profile {
    /// The database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// The directory of the backups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<PathBuf>,
    /// As `backup --blobs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blobs: Option<PathBuf>,
    /// As `backup --containers`.
    pub containers: bool,
    /// As `backup --quick`.
    pub quick: bool,
    /// As `backup --gzip`.
    pub gzip: bool,
    /// As `backup --wait`, in seconds.
    pub wait: u64,
    /// As `backup --hook-before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_before: Option<String>,
    /// As `backup --hook-after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_after: Option<String>,
    /// As `backup --hook-failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_failed: Option<String>,
    /// As `backup --hook-timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_timeout: Option<String>,
    /// As `forget --keep-last`.
    pub keep_last: usize,
    /// As `forget --keep-hourly`.
    pub keep_hourly: usize,
    /// As `forget --keep-daily`.
    pub keep_daily: usize,
    /// As `forget --keep-weekly`.
    pub keep_weekly: usize,
    /// As `forget --keep-monthly`.
    pub keep_monthly: usize,
    /// As `forget --keep-yearly`.
    pub keep_yearly: usize,
    /// As `forget --keep-within`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<String>,
    /// As `forget --keep-tag`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keep_tag: Vec<String>,
    /// As `status --max-age`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
}

/// Every key that a profile may have.
const KEYS: [&str; 20] = [
    "source",
    "repository",
    "blobs",
    "containers",
    "quick",
    "gzip",
    "wait",
    "hook-before",
    "hook-after",
    "hook-failed",
    "hook-timeout",
    "keep-last",
    "keep-hourly",
    "keep-daily",
    "keep-weekly",
    "keep-monthly",
    "keep-yearly",
    "keep-within",
    "keep-tag",
    "max-age",
];

impl Profile {
    /// Whether it says which backups are kept.
    pub fn has_policy(&self) -> bool {
        let counts = [
            self.keep_last,
            self.keep_hourly,
            self.keep_daily,
            self.keep_weekly,
            self.keep_monthly,
            self.keep_yearly,
        ];
        counts.iter().any(|count| *count > 0) || self.keep_within.is_some() || !self.keep_tag.is_empty()
    }

    fn check(&self) -> Result<(), String> {
        for (key, value) in [
            ("hook-timeout", &self.hook_timeout),
            ("keep-within", &self.keep_within),
            ("max-age", &self.max_age),
        ] {
            if let Some(value) = value {
                parse_duration(value).map_err(|error| format!("{key} = \"{value}\": {error}"))?;
            }
        }
        Ok(())
    }
}

/// All profiles, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// By name.
    pub profiles: BTreeMap<String, Found>,
    /// Where it was looked for, and whether there was a file.
    pub files: Vec<(PathBuf, bool)>,
}

/// A profile, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says.
    pub profile: Profile,
    /// The file that it stands in.
    pub path: PathBuf,
    /// The keys that stand there.
    pub given: BTreeSet<String>,
    /// The files whose profile of this name does not count.
    pub replaces: Vec<PathBuf>,
}

impl Config {
    /// Reads the configuration at `named`, which has to be there, or else at those of `paths` that are there; a profile of
    /// a later one replaces that of an earlier one.
    ///
    /// # Errors
    /// One line that says what is wrong, and where.
    pub fn read(fs: &dyn Fs, paths: &[PathBuf], named: Option<&Path>) -> Result<Config, String> {
        let mut config = Config::default();
        let all = match named {
            Some(path) => vec![path.to_owned()],
            None => paths.to_vec(),
        };
        for path in all {
            let text = read(fs, &path, named.is_some())?;
            config.files.push((path.clone(), text.is_some()));
            let Some(text) = text else { continue };
            config.add(&path, &text).map_err(|what| format!("{}: {what}", path.display()))?;
        }
        Ok(config)
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// Where there is none: one line with the nearest one.
    pub fn profile(&self, name: &str) -> Result<&Profile, String> {
        let known = self.profiles.keys().map(String::as_str);
        self.profiles
            .get(name)
            .map(|found| &found.profile)
            .ok_or_else(|| format!("there is no profile \"{}\"{}", name.escape_debug(), instead(name, known)))
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| one_line(&error))?;
        for (key, value) in table {
            if key != "profile" {
                return Err(unknown(&key, ["profile"].into_iter()));
            }
            let profiles = value.as_table().ok_or("profile is no table: write [profile.NAME]")?;
            for (name, value) in profiles {
                let profile = profile(value).map_err(|what| format!("[profile.{name}]: {what}"))?;
                self.insert(name, path, value, profile);
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: &str, path: &Path, value: &toml::Value, profile: Profile) {
        let given = value.as_table().map(|table| table.keys().cloned().collect()).unwrap_or_default();
        let mut found = Found { profile, path: path.to_owned(), given, replaces: Vec::new() };
        if let Some(mut old) = self.profiles.remove(name) {
            found.replaces.append(&mut old.replaces);
            found.replaces.push(old.path);
        }
        self.profiles.insert(name.to_owned(), found);
    }
}

fn profile(value: &toml::Value) -> Result<Profile, String> {
    let table = value.as_table().ok_or("it is no table")?;
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(unknown(key, KEYS.into_iter()));
    }
    let profile: Profile = table.clone().try_into().map_err(|error: toml::de::Error| one_line(&error))?;
    profile.check().map(|()| profile)
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    format!("unknown key \"{}\"{}", key.escape_debug(), instead(key, known))
}

/// The known word that is most like another one.
fn instead<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = |known: &&str| (strsim::jaro_winkler(word, known) * 1000.0).round();
    known
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .map_or_else(String::new, |nearest| format!("; did you mean \"{nearest}\"?"))
}

fn one_line(error: &toml::de::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(fs: &dyn Fs, path: &Path, must_be_there: bool) -> Result<Option<String>, String> {
    let told = |what: String| format!("{}: {what}", path.display());
    let file = match fs.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && !must_be_there => return Ok(None),
        Err(error) => return Err(told(error.to_string())),
    };
    let len = file.len().map_err(|error| told(error.to_string()))?;
    if len > LEN_LIMIT {
        return Err(told(format!("{len} bytes, more than {LEN_LIMIT}: that is no configuration")));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    let read_len = file.read_full_at(0, &mut bytes).map_err(|error| told(error.to_string()))?;
    bytes.truncate(read_len);
    String::from_utf8(bytes).map(Some).map_err(|error| told(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let mut config = Config::default();
        config.add(Path::new("c"), text).map(|()| config)
    }

    #[test]
    fn every_key_is_known_and_shown_as_it_was_read() {
        let text = r#"
            [profile.plone]
            source = "/srv/Data.fs"
            repository = "/srv/backups"
            blobs = "/srv/blobstorage"
            containers = true
            quick = true
            gzip = true
            wait = 60
            hook-before = "true"
            hook-after = "true"
            hook-failed = "true"
            hook-timeout = "10m"
            keep-last = 1
            keep-hourly = 2
            keep-daily = 3
            keep-weekly = 4
            keep-monthly = 5
            keep-yearly = 6
            keep-within = "7d"
            keep-tag = ["a", "b"]
            max-age = "26h"
        "#;
        let config = parse(text).unwrap();
        let shown = config.shown(None);
        assert_eq!(parse(&shown), Ok(config.clone()));
        for key in KEYS {
            assert!(shown.contains(&format!("\n{key} = ")), "{key}");
        }
        assert!(config.profile("plone").unwrap().has_policy());
        assert!(!parse("[profile.a]\nquick = true").unwrap().profile("a").unwrap().has_policy());
    }

    #[test]
    fn each_value_is_shown_with_where_it_comes_from() {
        let mut config = Config::default();
        config
            .add(Path::new("/etc/r.toml"), "[profile.a]\ngzip = true\n[profile.b]\nrepository = \"/b\"")
            .unwrap();
        config.add(Path::new("/home/r.toml"), "[profile.a]\nquick = true").unwrap();
        config.files = vec![("/etc/r.toml".into(), true), ("/x/r.toml".into(), false)];
        let said = |shown: &str, line: &str| {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(shown.lines().any(|shown| words(shown) == words(line)), "{line}: {shown}");
        };
        let shown = config.shown(None);
        for line in [
            "# /etc/r.toml: read",
            "# /x/r.toml: not there",
            "# instead of all that /etc/r.toml says of it",
            "quick = true # /home/r.toml",
            "gzip = false # default",
            "repository = \"/b\" # /etc/r.toml",
        ] {
            said(&shown, line);
        }
        let shown = config.shown(Some(Path::new("/of/environment")));
        said(&shown, "# in the environment: REPOZO_REPOSITORY=/of/environment");
        said(&shown, "repository = \"/of/environment\" # the environment; but not for repozo run");
        said(
            &shown,
            "repository = \"/of/environment\" # the environment, before \"/b\" of /etc/r.toml; but not for repozo run",
        );
        assert!(parse(&shown).is_ok(), "{shown}");
    }

    #[test]
    fn what_cannot_be_meant_is_told_in_a_line() {
        for (text, said) in [
            ("[profile.a]\nkeep-dayly = 7", "unknown key \"keep-dayly\"; did you mean \"keep-daily\"?"),
            ("[profiles.a]\n", "unknown key \"profiles\"; did you mean \"profile\"?"),
            ("profile = 3", "profile is no table"),
            ("[profile]\na = 3", "[profile.a]: it is no table"),
            ("[profile.a]\nquick = \"yes\"", "[profile.a]: invalid type"),
            ("[profile.a]\nkeep-last = -1", "[profile.a]: invalid value"),
            ("[profile.a]\nmax-age = \"long\"", "[profile.a]: max-age = \"long\": a length of time"),
            ("[profile.a\n", "TOML parse error"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(said) && !told.contains('\n'), "{text}: {told}");
        }
        let config = parse("[profile.plone]\n[profile.zope]\n").unwrap();
        assert_eq!(
            config.profile("plon"),
            Err("there is no profile \"plon\"; did you mean \"plone\"?".to_owned())
        );
        assert_eq!(Config::default().profile("x"), Err("there is no profile \"x\"".to_owned()));
    }
}
