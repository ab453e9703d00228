//! `wrun rerun`: makes recorded results again from the store alone, and compares.

use super::results::{Descriptions, address, by_key, load};
use crate::args::RerunArgs;
use crate::containers;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::interrupt;
use crate::shell::Shell;
use crate::text::{clip, count, counted, plain};
use crate::workspace::{Need, Workspace};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use wrun_build::lineage::{What, up};
use wrun_build::rerun::{RerunError, Rerunner, Verdict};
use wrun_core::event::{Event, Sink};
use wrun_core::result::Address;
use wrun_exec::Containers;
use wrun_exec::docker::Docker;

/// So long, at most, the end waits for containers to be stopped and removed.
const SETTLE: Duration = Duration::from_secs(30);

/// Makes results again.
pub(crate) fn run(shell: &Shell, args: &RerunArgs) -> Result<Exit> {
    let mut named = Vec::with_capacity(args.keys.len());
    for text in &args.keys {
        named.push(address(text)?.ok_or_else(|| {
            CliError::usage(format!("`{}` is no key of a result", plain(text)))
                .hint("`wrun build --json` prints the keys of goals, `wrun lineage --json` those behind them")
        })?);
    }
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let mut addresses = named.into_iter().map(|named| by_key(&workspace, named)).collect::<Result<Vec<_>>>()?;
    if args.up {
        let lineage = workspace.runtime.block_on(up(&*workspace.store, &addresses))?;
        // What was adopted has no run, an external none either, and nobody asked for what acts on the world.
        let named = std::mem::take(&mut addresses);
        let made = lineage.nodes.iter().filter_map(|node| match &node.what {
            What::Result { result, .. } if result.provenance.adopted.is_some() => None,
            What::Result { address, result, .. } => {
                let effect = result.provenance.container.as_ref().is_some_and(|container| container.effect);
                (!effect || named.contains(address)).then_some(*address)
            }
            What::Gone(address) => Some(*address),
            _ => None,
        });
        addresses = made.collect();
    }
    let notes: Arc<dyn Sink> = Arc::new(Notes(shell.clone()));
    let load = |component, bytes| load(&workspace, component, bytes);
    let docker: OnceCell<Arc<Docker>> = OnceCell::new();
    let engines = || match docker.get() {
        Some(docker) => Ok(docker.clone() as Arc<dyn Containers>),
        None => {
            let made = containers::docker(&workspace, &notes).map_err(|error| error.message)?;
            Ok(docker.get_or_init(|| made).clone() as Arc<dyn Containers>)
        }
    };
    // A container that is left running would be found by the next build alone.
    let interrupt = interrupt::watch(shell, notes.clone());
    let mut rerunner = Rerunner {
        store: workspace.store.clone(),
        load: &load,
        engines: &engines,
        runtime: workspace.runtime.handle().clone(),
        machine: wrun_plugin::machine(),
        root: workspace.root.clone(),
        loaded: HashMap::new(),
    };
    let mut descriptions = Descriptions::new(&workspace);
    let mut tally = Tally::default();
    let mut failed = None;
    for address in addresses {
        let ran = workspace.runtime.block_on(async {
            tokio::select! {
                ran = rerunner.rerun(address) => Some(ran),
                () = interrupt.wait() => None,
            }
        });
        match ran {
            Some(Ok((result, verdict))) => {
                tally.count(&verdict);
                show(shell, &descriptions.name(&result)?, address, &verdict);
            }
            // Where several are made again, one that cannot be is one of the findings.
            Some(Err(error)) if args.up && !matches!(error, RerunError::Store(_)) => {
                tally.impossible += 1;
                show_impossible(shell, address, &error);
            }
            Some(Err(error)) => failed = Some(error),
            None => {}
        }
        if failed.is_some() || interrupt.stopped() {
            break;
        }
    }
    if let Some(docker) = docker.get() {
        workspace.runtime.block_on(docker.settle(SETTLE));
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    if interrupt.stopped() {
        return Ok(Exit::Interrupted);
    }
    if !shell.json && !shell.quiet {
        shell.say(&tally.told());
    }
    Ok(tally.exit())
}

/// Says what is said of images.
struct Notes(Shell);

impl Sink for Notes {
    fn send(&self, event: Event) {
        if let (Event::Note { message }, false) = (event, self.0.json || self.0.quiet) {
            self.0.note(&message);
        }
    }
}

#[derive(Default)]
struct Tally {
    same: u64,
    differ: u64,
    failed: u64,
    impossible: u64,
}

impl Tally {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Same => self.same += 1,
            Verdict::Differs { .. } | Verdict::AskedElse(_) => self.differ += 1,
            Verdict::Failed(_) => self.failed += 1,
        }
    }

    fn told(&self) -> String {
        let parts = [
            (self.same, "same"),
            (self.differ, "differ"),
            (self.failed, "failed"),
            (self.impossible, "cannot be made again"),
        ];
        let all = self.same + self.differ + self.failed + self.impossible;
        let parts = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n)));
        format!("{}: {}\n", counted(all, "result"), parts.collect::<Vec<_>>().join(", "))
    }

    fn exit(&self) -> Exit {
        match (self.differ, self.failed + self.impossible) {
            (0, 0) => Exit::Ok,
            (0, _) => Exit::Failed,
            _ => Exit::Nondeterminism,
        }
    }
}

fn show(shell: &Shell, name: &str, address: Address, verdict: &Verdict) {
    if shell.json {
        let mut line = serde_json::json!({"key": address.key, "generation": address.generation, "task": name});
        match verdict {
            Verdict::Same => line["verdict"] = "same".into(),
            Verdict::Differs { first, second, paths } => {
                line["verdict"] = "differs".into();
                line["first"] = first.to_string().into();
                line["second"] = second.to_string().into();
                line["paths"] = paths.clone().into();
            }
            Verdict::AskedElse(how) => {
                line["verdict"] = "asked-else".into();
                line["message"] = how.as_str().into();
            }
            Verdict::Failed(why) => {
                line["verdict"] = "failed".into();
                line["message"] = why.as_str().into();
            }
        }
        shell.json_line(&line);
        return;
    }
    let style = shell.out();
    let name = plain(name);
    let mut out = String::new();
    match verdict {
        Verdict::Same if shell.quiet => {}
        Verdict::Same => _ = writeln!(out, "{}     {name}", style.green("same")),
        Verdict::Differs { first, second, paths } => {
            let (first, second) = (first.0.short(), second.0.short());
            _ = writeln!(out, "{}  {name}  {first} then {second}", style.red("differs"));
            paths.iter().take(10).for_each(|path| _ = writeln!(out, "         {}", plain(path)));
        }
        Verdict::AskedElse(how) => {
            let how = clip(&plain(how), 200);
            _ = writeln!(out, "{}  {name}  it asked for something else: {how}", style.red("differs"));
        }
        Verdict::Failed(why) => {
            _ = writeln!(out, "{}   {name}  {}", style.red("failed"), clip(&plain(why), 200));
        }
    }
    shell.text(&out);
}

fn show_impossible(shell: &Shell, address: Address, error: &RerunError) {
    if shell.json {
        shell.json_line(&serde_json::json!({
            "key": address.key, "generation": address.generation, "verdict": "impossible",
            "message": error.to_string(),
        }));
        return;
    }
    let style = shell.out();
    let why = clip(&plain(&error.to_string()), 200);
    shell.text(&format!("{}  {}  {why}\n", style.yellow("cannot"), address.key.0.short()));
}

impl From<RerunError> for CliError {
    fn from(error: RerunError) -> Self {
        let hint = error.hint();
        let code = match error {
            RerunError::Store(error) => return error.into(),
            RerunError::NoResult(_) => Code::NoResult,
            _ => Code::CannotRerun,
        };
        Self { hint, ..Self::new(Exit::Failed, error.to_string()).code(code) }
    }
}
