use super::*;

fn parsed(line: &str) -> Result<Invocation, String> {
    let args: Vec<OsString> = line.split(' ').filter(|word| !word.is_empty()).map(OsString::from).collect();
    parse(&args).map_err(|error| error.message)
}

fn message(line: &str) -> String {
    parsed(line).map(|invocation| format!("{invocation:?}")).unwrap_err()
}

fn backup(line: &str) -> BackupRequest {
    match parsed(line).unwrap().action {
        Action::Backup(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_can_be_joined_attached_shortened_and_given_with_equals() {
    for line in [
        "-BQzkF -r repo -f Data.fs",
        "-BQzkFrrepo -fData.fs",
        "--backup --quick --gzip --kill-old-on-full --full --repository repo --file Data.fs",
        "--b --q --g --k --fu --rep=repo --fi=Data.fs",
        "-k -z -Q -F --rep repo --fil Data.fs -B",
        "-BQzkF -r other -r repo -f other -f Data.fs --",
    ] {
        let request = backup(line);
        assert_eq!((request.repository, request.file), ("repo".into(), "Data.fs".into()), "{line}");
        assert_eq!(request.quick, Some(QuickCheck::Places), "{line}");
        assert!(request.full && request.gzip && request.kill_old && !request.force, "{line}");
    }
}

#[test]
fn quick_by_the_sum_of_the_last_backup_has_to_be_asked_for() {
    for (line, quick) in [
        ("-B -r repo -f Data.fs", None),
        ("-B -r repo -f Data.fs --quick", Some(QuickCheck::Places)),
        ("-B -r repo -f Data.fs --quick=md5", Some(QuickCheck::Sum)),
        ("-B -r repo -f Data.fs --q=md5 -v", Some(QuickCheck::Sum)),
        ("-BQ -r repo -f Data.fs --quick=md5", Some(QuickCheck::Sum)),
        ("-B -r repo -f Data.fs --quick=md5 -Q", Some(QuickCheck::Places)),
    ] {
        assert_eq!(backup(line).quick, quick, "{line}");
    }
}

/// The rows of Python's own behaviour, in its words.
#[test]
fn usage_errors_have_pythons_words_and_order() {
    for (line, expected) in [
        ("--nope", "option --nope not recognized"),
        ("-x", "option -x not recognized"),
        ("-Bx -h", "option -x not recognized"),
        ("-B -f", "option -f requires argument"),
        ("--file", "option --file requires argument"),
        ("--fil", "option --file requires argument"),
        ("--ver", "option --ver not a unique prefix"),
        ("--f x", "option --f not a unique prefix"),
        ("--re", "option --re not a unique prefix"),
        ("--full=1", "option --full must not have an argument"),
        ("--fu=", "option --full must not have an argument"),
        ("-B -R", "-B, -R, and -V are mutually exclusive"),
        ("-V -V", "-B, -R, and -V are mutually exclusive"),
        ("-B -R foo -h", "-B, -R, and -V are mutually exclusive"),
        ("-B foo bar -h", "Invalid arguments: foo, bar, -h"),
        ("-B - x", "Invalid arguments: -, x"),
        ("-- -B", "Invalid arguments: -B"),
        ("", "Either --backup, --recover or --verify is required"),
        ("-r repo", "Either --backup, --recover or --verify is required"),
        ("-B", "--repository is required"),
        ("-B -f Data.fs", "--repository is required"),
        ("-B -r repo", "--file is required in backup mode"),
        ("-B -r repo --file=", "--file is required in backup mode"),
    ] {
        assert_eq!(message(line), expected, "{line}");
    }
}

#[test]
fn help_comes_before_the_checks_but_behind_a_conflict_of_modes() {
    for line in ["-h", "-B -h", "--help foo", "-Bh -R"] {
        assert!(matches!(parsed(line).unwrap().action, Action::Help), "{line}");
    }
    assert_eq!(message("-BRh"), "-B, -R, and -V are mutually exclusive");
}

#[test]
fn options_of_another_mode_are_dropped_and_named() {
    let ignored = |line: &str| parsed(line).unwrap().ignored;
    let named = |mode: &str, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("--{name} option is ignored in {mode} mode")).collect()
    };
    assert_eq!(ignored("-B -r r -f f -D x -o y -w"), named("backup", &["date", "output", "with-verify"]));
    assert_eq!(ignored("-R -r r -f f -k -F -Q -z"), named("recover", &["file", "kill-old-on-full"]));
    assert_eq!(
        ignored("-V -r r -w -k -f f -z -F -o y -D x"),
        named("verify", &["date", "output", "full", "gzip", "file", "kill-old-on-full", "with-verify"])
    );
    assert!(ignored("-B -r r -f f -FQzk").is_empty());
}

#[test]
fn an_empty_repository_is_a_repository_to_python() {
    assert_eq!(backup("-B --repository= -f f").repository, PathBuf::new());
}

/// New options must not make a prefix ambiguous that a script uses with Python's repozo.
#[test]
fn new_options_leave_pythons_prefixes_alone() {
    assert!(matches!(
        parsed("-R -r r --w").unwrap().action,
        Action::Recover(RecoverRequest { with_verify: true, .. }, _)
    ));
    assert_eq!(backup("-B -r r -f f --wait 5").wait, Duration::from_secs(5));
    assert_eq!(backup("-B -r r -f f --wa=5").wait, Duration::from_secs(5));
    assert!(backup("-B -r r -f f --fo").force);
    assert!(matches!(parsed("--b -r r -f f").unwrap().action, Action::Backup(_)));
    let blobs = |together| Some(BlobsSource::of(PathBuf::from("d"), together));
    assert_eq!(backup("-B -r r -f f --bl d").blobs, blobs(false));
    assert_eq!(backup("-B -r r -f f --blobs d --containers").blobs, blobs(true));
    assert!(matches!(
        parsed("-R -r r -o o --up").unwrap().action,
        Action::Recover(RecoverRequest { update: Some(_), .. }, _)
    ));
    assert!(matches!(parsed("--version").unwrap().action, Action::Version));
    assert_eq!(message("-B -r r -f f --wait soon"), "--wait takes a whole number of seconds");
}

#[test]
fn paths_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStringExt;
    let path = OsString::from_vec(b"d\xe9p\xf4t".to_vec());
    let args = ["-B".into(), "-r".into(), path.clone(), OsString::from_vec(b"-fDat\xe4.fs".to_vec())];
    match parse(&args).unwrap().action {
        Action::Backup(request) => assert_eq!(request.repository, PathBuf::from(path)),
        other => panic!("{other:?}"),
    }
}
