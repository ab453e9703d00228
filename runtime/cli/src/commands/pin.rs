//! `wrun store pin`: results that no gc takes.

use super::invalidate::{address, author};
use crate::args::PinArgs;
use crate::env;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::explain::Code;
use crate::shell::Shell;
use crate::text::plain;
use crate::workspace::{Need, Workspace};
use std::fmt::Write as _;
use wrun_build::care::Pin;
use wrun_core::result::{ActionResult, Address};

/// Pins, unpins, or lists.
pub(crate) fn run(shell: &Shell, args: &PinArgs) -> Result<Exit> {
    let workspace = Workspace::open(shell, &args.store, None, Need::Existing)?;
    let (store, runtime) = (&workspace.store, &workspace.runtime);
    let pins = runtime.block_on(store.pins())?;
    if let Some(name) = &args.remove {
        if !pins.iter().any(|(known, _)| known == name) {
            return Err(CliError::usage(format!("there is no pin `{}`", plain(name)))
                .code(Code::NoneChosen)
                .hint("`wrun store pin` lists them"));
        }
        runtime.block_on(store.set_pin(name, None))?;
        shell.say(&format!("the pin {name} is taken back\n"));
        return Ok(Exit::Ok);
    }
    if args.keys.is_empty() {
        let mut out = String::new();
        for (name, body) in &pins {
            let pin = Pin::decode(body);
            if shell.json {
                shell.json_line(&serde_json::json!({"name": name, "pin": pin}));
                continue;
            }
            let said = pin.map(|pin| format!("{}  {}  by {}", pin.what, pin.reason, pin.author));
            let said = said.unwrap_or_else(|| "written by another version of wrun".to_owned());
            _ = writeln!(out, "{name}  {}", plain(&said));
        }
        shell.text(&out);
        return Ok(Exit::Ok);
    }
    let mut results: Vec<Address> = Vec::new();
    let mut names = Vec::new();
    for given in &args.keys {
        let (key, generation) = address(given)?;
        let found = runtime.block_on(store.results(&[key]))?.pop().unwrap_or_default();
        let fits = |generation: u32| move |record: &&wrun_store::Record| record.generation == generation;
        let record = match generation {
            Some(generation) => found.iter().find(fits(generation)),
            None => found.last(),
        };
        let Some(record) = record else {
            return Err(CliError::new(Exit::Failed, format!("there is no result of the key {given}"))
                .code(Code::NoResult)
                .hint("`--json` of most commands, and `wrun ls -v`, print keys"));
        };
        results.push(Address { key, generation: record.generation });
        let name = serde_json::from_slice::<ActionResult>(&record.body).ok();
        names.extend(name.map(|it| format!("{} {}", it.action.task, it.action.params.display(&[]))));
    }
    let what = names.iter().map(|name| name.trim_end()).collect::<Vec<_>>().join(", ");
    let (name, body) = Pin::new(results, &what, &args.reason, &author(None), env::now().as_millisecond()).encode();
    runtime.block_on(store.set_pin(&name, Some(body)))?;
    if shell.json {
        shell.json_line(&serde_json::json!({"name": name}));
    }
    shell.say(&format!("pinned as {name}: {}\n", plain(&what)));
    Ok(Exit::Ok)
}
