use super::RepositoryArgs;
use super::inside::parse_oid;
use crate::args::moment::Moment;
use clap::{Args, Subcommand};
use filestorage::{Oid, Tid};
use std::path::PathBuf;

/// `repozo blobs`
#[derive(Debug, Args)]
pub struct BlobsArgs {
    /// What is to be done.
    #[command(subcommand)]
    pub action: BlobsAction,
}

/// What is to be done with blobs.
#[derive(Debug, Subcommand)]
pub enum BlobsAction {
    /// List the blobs of a state, the largest first, and how much each class of owners has.
    List(BlobsListArgs),
    /// Take the file of one blob out.
    Export(BlobsExportArgs),
}

/// `repozo blobs list`
#[derive(Debug, Args)]
pub struct BlobsListArgs {
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The state of this moment, a date, "2 hours ago", or a tid; or that of the backup with this name.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<Moment>,
    /// Show so many blobs; 0 for all of them.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    pub limit: usize,
    /// One JSON object a line, of all blobs.
    #[arg(long)]
    pub json: bool,
}

/// `repozo blobs export`
#[derive(Debug, Args)]
pub struct BlobsExportArgs {
    /// The blob, and the transaction up to which its revision is looked for: OID, or OID@TID.
    #[arg(value_name = "OID[@TID]", value_parser = parse_revision)]
    pub blob: (Oid, Option<Tid>),
    /// Where the backups are.
    #[command(flatten)]
    pub place: RepositoryArgs,
    /// The state of this moment, a date, "2 hours ago", or a tid; or that of the backup with this name.
    #[arg(long, value_name = "WHEN")]
    pub at: Option<Moment>,
    /// Where the file goes, which is not there yet; - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
}

impl BlobsArgs {
    /// Where the backups are.
    pub(super) fn place(&mut self) -> &mut RepositoryArgs {
        match &mut self.action {
            BlobsAction::List(args) => &mut args.place,
            BlobsAction::Export(args) => &mut args.place,
        }
    }
}

fn parse_revision(text: &str) -> Result<(Oid, Option<Tid>), String> {
    match text.split_once('@') {
        None => Ok((parse_oid(text)?, None)),
        Some((oid, tid)) => Ok((parse_oid(oid)?, Some(super::backups::parse_tid(tid)?))),
    }
}
