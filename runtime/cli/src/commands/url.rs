//! `wrun url`: links at which files of a result can be read for a while.

use super::results::meant;
use crate::args::UrlArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::plain;
use std::time::Duration;
use wrun_build::rerun::{output, read};
use wrun_core::tree::EntryKind;
use wrun_store::StoreError;
use wrun_store::objects::Objects as _;
use wrun_store::objects::s3::{S3Objects, split_uri};
use wrun_store::tiered::blob_name;

/// A signature is good for a week at most.
const MOST: u64 = 7 * 24 * 3600;

/// Prints links.
pub(crate) fn run(shell: &Shell, args: &UrlArgs) -> Result<Exit> {
    let expires = duration(&args.expires)?;
    let (workspace, addresses) = meant(shell, &args.goal, &args.store)?;
    let place = workspace.store.describe();
    let Some((bucket, prefix)) = split_uri(&place) else {
        return Err(CliError::usage(format!("the store `{}` is no store on S3", plain(&place)))
            .code(Code::UnsupportedStore)
            .hint("links are of a store on S3; `wrun get` copies files"));
    };
    let runtime = &workspace.runtime;
    let objects = runtime.block_on(S3Objects::open(bucket, prefix, &workspace.config.s3));
    for address in addresses {
        let result = runtime.block_on(read(&*workspace.store, address))?;
        let dir = output(&result, &workspace.store);
        runtime.block_on(dir.fetch_trees())?;
        let mut files = Vec::new();
        dir.walk(&mut |path, entry, at| {
            if entry.kind != EntryKind::Directory {
                files.push((path.to_owned(), entry.clone(), at.clone()));
            }
            Ok(())
        })?;
        for (path, entry, at) in files {
            let name = blob_name(entry.digest);
            // Small outputs ride inside their records: such a file is no object yet.
            if result.inline.is_some() {
                let body = at.file(&entry)?;
                runtime.block_on(objects.upload(&name, &body, false)).map_err(StoreError::from)?;
            }
            let link =
                runtime.block_on(objects.presigned(&name, &entry.name, expires)).map_err(StoreError::from)?;
            if shell.json {
                shell.json_line(&serde_json::json!({
                    "path": path, "size": entry.size, "digest": entry.digest, "url": link,
                    "expires-seconds": expires.as_secs(),
                }));
            } else {
                // One that is copied must be whole: no line is broken.
                shell.data(&format!("{}\t{link}\n", plain(&path)));
            }
        }
    }
    Ok(Exit::Ok)
}

/// Reads `15m` and the like.
fn duration(text: &str) -> Result<Duration> {
    let read = || {
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match &text[number.len()..] {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit).filter(|seconds| (1..=MOST).contains(seconds))
    };
    read().map(Duration::from_secs).ok_or_else(|| {
        CliError::usage(format!("`--expires {}` is no time between 1s and 7d", plain(text)))
            .hint("such as `30s`, `15m`, `12h`, `7d`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let read = |text: &str| duration(text).ok().map(|time| time.as_secs());
        assert_eq!([read("30"), read("15m"), read("7d")], [Some(30), Some(900), Some(MOST)]);
        assert_eq!([read("8d"), read("0"), read("-1"), read("x"), read("1w")], [None; 5]);
    }
}
