//! `wrun graph`: a picture of what a build would do, or did.

use super::report::{read, write};
use super::{Last, prepare};
use crate::args::{GraphArgs, GraphFormat};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::progress::Progress;
use crate::shell::Shell;
use crate::view::languages::{in_dot, in_mermaid};
use crate::view::model::{Drawing, Graph};
use crate::view::svg::{For, svg};
use crate::workspace::Need;

/// Draws.
pub(crate) fn run(shell: &Shell, args: &GraphArgs) -> Result<Exit> {
    let format = format(args)?;
    let drawing = match &args.from {
        Some(path) => {
            if args.goal.plugin.is_some() {
                return Err(CliError::usage("both PLUGIN and `--from` are given")
                    .hint("leave out one: PLUGIN draws what a build would do, a report what one did"));
            }
            Graph::of_report(&read(path)?).drawing()
        }
        None => planned(shell, args)?,
    };
    let text = match format {
        GraphFormat::Svg => svg(&drawing, For::File),
        GraphFormat::Dot => in_dot(&drawing),
        GraphFormat::Mermaid => in_mermaid(&drawing),
    };
    write(shell, args.output.as_deref(), &text)?;
    Ok(Exit::Ok)
}

fn planned(shell: &Shell, args: &GraphArgs) -> Result<Drawing> {
    let prepared = prepare(shell, &args.goal, &args.store, Some(&args.session), (Need::Optional, Last::Param))?;
    let mut progress = Progress::start(shell, false);
    let setup = prepared.setup(progress.sink())?;
    let runtime = &prepared.workspace.runtime;
    let (options, goals) = (&prepared.options, &prepared.goals.calls);
    let preview = runtime.block_on(wrun_build::preview(&setup, options, goals, runtime.handle()));
    progress.finish();
    Ok(Graph::of_preview(&preview?).drawing())
}

/// What was asked for, else what the file's name says.
fn format(args: &GraphArgs) -> Result<GraphFormat> {
    let ending = args.output.as_deref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    Ok(match (args.format, ending) {
        (Some(format), _) => format,
        (None, Some("dot" | "gv")) => GraphFormat::Dot,
        (None, Some("mmd" | "mermaid")) => GraphFormat::Mermaid,
        (None, Some("svg") | None) => GraphFormat::Svg,
        (None, Some(other)) => {
            let other = crate::text::plain(other);
            return Err(CliError::usage(format!("a graph is not written as `.{other}`"))
                .hint("let the name end in .svg, .dot or .mmd, or say `--format`"));
        }
    })
}
