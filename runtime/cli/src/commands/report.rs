//! `wrun report`: the page of a report. Reading reports is here too.

use crate::args::ReportArgs;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::view::page::page;
use serde::Deserialize;
use std::path::Path;
use wrun_core::report::{FORMAT, Report};

/// Writes the page.
pub(crate) fn run(shell: &Shell, args: &ReportArgs) -> Result<Exit> {
    write(shell, args.output.as_deref(), &page(&read(&args.file)?))?;
    Ok(Exit::Ok)
}

/// What every version has.
#[derive(Deserialize)]
struct Head {
    format: serde_json::Value,
}

/// Reads a report, of this version and without contradictions.
pub(crate) fn read(path: &Path) -> Result<Report> {
    const HINT: &str = "`wrun build … --report FILE` writes one";
    let bytes =
        std::fs::read(path).map_err(|error| CliError::file(Exit::Usage, "read", path, &error).hint(HINT))?;
    let shown = path.display();
    let refuse = |why: &dyn std::fmt::Display| {
        CliError::usage(format!("`{shown}` is not a report"))
            .code(Code::BadReport)
            .cause(crate::text::plain(&why.to_string()))
            .hint(HINT)
    };
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| refuse(&error))?;
    if head.format != FORMAT {
        let format = crate::text::clip(&crate::text::plain(&head.format.to_string()), 40);
        return Err(CliError::usage(format!("`{shown}` is a report of format {format}"))
            .code(Code::BadReport)
            .cause(format!("this wrun reads format {FORMAT}"))
            .hint("read it with the wrun that wrote it, or build again with `--report`"));
    }
    let report: Report = serde_json::from_slice(&bytes).map_err(|error| refuse(&error))?;
    let tasks = report.tasks.len();
    if report.totals.tasks != tasks as u64 {
        return Err(refuse(&format!("its totals count {} tasks, and it lists {tasks}", report.totals.tasks)));
    }
    for (at, task) in report.tasks.iter().enumerate() {
        if let Some(need) = task.needs.iter().find(|need| **need as usize >= tasks) {
            return Err(refuse(&format!("task {at} needs task {need}, and there are {tasks}")));
        }
    }
    Ok(report)
}

/// Writes to a file, or else to stdout.
pub(crate) fn write(shell: &Shell, path: Option<&Path>, text: &str) -> Result<()> {
    match path {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| CliError::file(Exit::Store, "write", path, &error))
        }
        None => {
            shell.data(text);
            Ok(())
        }
    }
}
