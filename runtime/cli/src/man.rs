//! `wrun man`: man pages, made from the grammar of the command line.

use crate::args::{Cli, ManArgs};
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::shell::Shell;
use clap::{Command, CommandFactory as _};
use std::path::Path;

/// Prints the page of wrun or of one command, or writes all of them into a folder.
pub(crate) fn run(shell: &Shell, args: &ManArgs) -> Result<Exit> {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder).map_err(|error| CliError::file(Exit::Store, "create", folder, &error))?;
        let pages = pages(&root, "wrun");
        for (name, page) in &pages {
            write(&folder.join(format!("{name}.1")), page)?;
        }
        shell.say(&format!(
            "{} in `{}`\n",
            crate::text::counted(pages.len() as u64, "page"),
            shell.link(folder, &folder.display().to_string())
        ));
        return Ok(Exit::Ok);
    }
    let mut command = &root;
    let mut name = "wrun".to_owned();
    for word in &args.command {
        let there = || command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name);
        command = match command.find_subcommand(word) {
            Some(found) => found,
            None => {
                let error = CliError::usage(format!("`{name}` has no command `{}`", crate::text::plain(word)));
                let near = wrun_core::suggest::nearest(word, there());
                return Err(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint(format!("`{name} --help` lists what there is")),
                });
            }
        };
        name = format!("{name}-{}", command.get_name());
    }
    shell.bytes(&page(command, &name));
    Ok(Exit::Ok)
}

/// Lists the pages of a command and all below it.
fn pages(command: &Command, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut out = vec![(name.to_owned(), page(command, name))];
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    for sub in shown {
        out.extend(pages(sub, &format!("{name}-{}", sub.get_name())));
    }
    out
}

/// Writes one page.
fn page(command: &Command, name: &str) -> Vec<u8> {
    let command = command.clone().version(env!("CARGO_PKG_VERSION"));
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    _ = clap_mangen::Man::new(command)
        .title(name)
        .source(concat!("wrun ", env!("CARGO_PKG_VERSION")))
        .manual("wrun")
        .render(&mut out);
    out
}

fn write(path: &Path, page: &[u8]) -> Result<()> {
    std::fs::write(path, page).map_err(|error| CliError::file(Exit::Store, "write", path, &error))
}
