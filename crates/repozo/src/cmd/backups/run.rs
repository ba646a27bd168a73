use super::{backup, forget, status};
use crate::args::modern::{BackupArgs, ForgetArgs, RepositoryArgs, RunArgs, ShowConfigArgs, StatusArgs};
use crate::cmd::desk::Desk;
use crate::cmd::failure::Failure;
use crate::cmd::hush::Hush;
use crate::config::Profile;
use std::io::Write;

/// `repozo run`; the exit status: that of the first step that did not end well.
///
/// # Errors
/// Where there is no such profile, and those of the steps.
pub(super) fn run(args: &RunArgs, desk: &Desk<'_>, out: &mut dyn Write) -> Result<u8, Failure> {
    let config = desk.config(args.config.as_deref())?;
    let profile = config.profile(&args.profile).map_err(Failure::Command)?;
    let (Some(repository), Some(_)) = (&profile.repository, &profile.source) else {
        let what = format!("the profile \"{}\" needs a source and a repository", args.profile.escape_debug());
        return Err(Failure::Command(what));
    };
    let place = || RepositoryArgs { repository: Some(repository.clone()), profile: None, config: None };
    // Each step by itself: of a status that is wrong there is nothing to be seen in the summary of the backup.
    let hush = if desk.is_quiet && !args.json { Hush::Success } else { Hush::Nothing };
    let done = hush.over(out, |out| backup::run(&backup_args(profile, place(), args.json), desk, out))?;
    if done != 0 {
        return Ok(done);
    }
    if profile.has_policy() {
        let done = hush.over(out, |out| forget::run(&forget_args(profile, place(), args.json), desk, out))?;
        if done != 0 {
            return Ok(done);
        }
    }
    hush.over(out, |out| status::run(&status_args(profile, place(), args.json), desk, out))
}

/// `repozo show-config`; the exit status.
///
/// # Errors
/// Where the configuration cannot be read.
pub(super) fn show_config(
    args: &ShowConfigArgs,
    desk: &Desk<'_>,
    out: &mut dyn Write,
) -> Result<u8, Failure> {
    let config = desk.config(args.config.as_deref())?;
    out.write_all(config.shown(desk.repository).as_bytes()).map_err(Failure::Output)?;
    Ok(0)
}

fn backup_args(profile: &Profile, place: RepositoryArgs, json: bool) -> BackupArgs {
    let mut args = BackupArgs {
        source: None,
        place,
        full: false,
        quick: false,
        blobs: None,
        containers: false,
        gzip: false,
        wait: 0,
        hook_before: None,
        hook_after: None,
        hook_failed: None,
        hook_timeout: None,
        json,
    };
    args.complete(profile);
    args
}

fn forget_args(profile: &Profile, place: RepositoryArgs, json: bool) -> ForgetArgs {
    let mut args = ForgetArgs {
        place,
        keep_last: None,
        keep_hourly: None,
        keep_daily: None,
        keep_weekly: None,
        keep_monthly: None,
        keep_yearly: None,
        keep_within: None,
        keep_tag: Vec::new(),
        blobs: None,
        has_rule: false,
        apply: true,
        wait: 0,
        json,
    };
    args.complete(profile);
    args
}

fn status_args(profile: &Profile, place: RepositoryArgs, json: bool) -> StatusArgs {
    let mut args =
        StatusArgs { place, file: None, max_age: None, blobs: None, format: None, html: None, json };
    args.complete(profile);
    args
}
