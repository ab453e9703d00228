//! `wrun lineage`: what a result was made from, or what was made from it.

use super::report::write;
use super::results::{Descriptions, meant};
use crate::args::{LineageArgs, LineageFormat};
use crate::env;
use crate::error::Result;
use crate::exit::Exit;
use crate::shell::Shell;
use crate::text::{bytes, plain, seconds};
use crate::view::languages::{in_dot, in_mermaid};
use crate::view::model::{Drawing, Graph, Task, Tone};
use crate::view::svg::{For, svg};
use std::fmt::Write as _;
use wrun_build::lineage::{Lineage, Node, What, down, up};
use wrun_core::action::InputKind;
use wrun_core::param::{Params, Value};
use wrun_core::result::Address;

/// Traces.
pub(crate) fn run(shell: &Shell, args: &LineageArgs) -> Result<Exit> {
    let (workspace, addresses) = meant(shell, &args.goal, &args.store)?;
    let store = &*workspace.store;
    let lineage = match args.down {
        true => workspace.runtime.block_on(down(store, &addresses))?,
        false => workspace.runtime.block_on(up(store, &addresses))?,
    };
    let mut descriptions = Descriptions::new(&workspace);
    let shown: Vec<Shown> =
        lineage.nodes.iter().map(|node| Shown::of(node, &mut descriptions)).collect::<Result<_>>()?;
    if shell.json {
        for (node, shown) in lineage.nodes.iter().zip(&shown) {
            shell.json_line(&json(node, shown, &lineage));
        }
        return Ok(Exit::Ok);
    }
    let text = match format(args) {
        LineageFormat::Text => text(shell, &lineage, &shown, addresses.len(), args.down),
        LineageFormat::Svg => svg(&drawing(&lineage, &shown), For::File),
        LineageFormat::Dot => in_dot(&drawing(&lineage, &shown)),
        LineageFormat::Mermaid => in_mermaid(&drawing(&lineage, &shown)),
    };
    match (&args.output, format(args)) {
        (None, LineageFormat::Text) => shell.text(&text),
        (output, _) => write(shell, output.as_deref(), &text)?,
    }
    Ok(Exit::Ok)
}

/// What was asked for, else what the file's name says.
fn format(args: &LineageArgs) -> LineageFormat {
    let ending = args.output.as_deref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    args.format.unwrap_or(match ending {
        Some("svg") => LineageFormat::Svg,
        Some("dot" | "gv") => LineageFormat::Dot,
        Some("mmd" | "mermaid") => LineageFormat::Mermaid,
        _ => LineageFormat::Text,
    })
}

/// What is shown of a node.
struct Shown {
    /// `plugin:task param=value …`, or an address.
    name: String,
    plugin: String,
    task: String,
    params: Params,
    /// How it stands, and who made it when.
    told: String,
    tone: Tone,
    seconds: Option<f64>,
}

impl Shown {
    fn of(node: &Node, descriptions: &mut Descriptions<'_>) -> Result<Self> {
        Ok(match &node.what {
            What::Result { result, disowned, .. } => {
                let made = &result.provenance;
                let then = jiff::Timestamp::from_millisecond(made.started).unwrap_or_default();
                let age = env::now().duration_since(then).as_secs_f64().max(0.0);
                let by = match &made.adopted {
                    Some(adopted) => format!("adopted from {} {} ago", adopted.from, seconds(age)),
                    None => format!("made {} ago by {}", seconds(age), made.component.0.short()),
                };
                let told = format!("{}, {by}{}", bytes(result.size), if *disowned { ", disowned" } else { "" });
                let tone = match (disowned, &made.adopted) {
                    (true, _) => Tone::Disowned,
                    (false, Some(_)) => Tone::Adopted,
                    (false, None) => Tone::Made,
                };
                Self {
                    name: descriptions.name(result)?,
                    plugin: made.plugin.clone(),
                    task: result.action.task.clone(),
                    params: descriptions.params(result)?,
                    told,
                    tone,
                    seconds: Some(made.seconds),
                }
            }
            What::External { uri, tree, kind } => {
                let listing = if *kind == InputKind::Listing { "listing of " } else { "" };
                let name = format!("{listing}{uri}");
                let params = Params([("uri".to_owned(), Value::Text(uri.clone()))].into());
                let (told, tone) = (format!("external, {}", tree.0.short()), Tone::External);
                Self { name, plugin: String::new(), task: "external".into(), params, told, tone, seconds: None }
            }
            What::Gone(address) => {
                let name = address.key.0.short().to_string();
                let params = Params([("key".to_owned(), Value::Text(name.clone()))].into());
                let told = "its record is not in the store".to_owned();
                Self {
                    name,
                    plugin: String::new(),
                    task: "gone".into(),
                    params,
                    told,
                    tone: Tone::Gone,
                    seconds: None,
                }
            }
        })
    }
}

fn address(address: &Address) -> serde_json::Value {
    serde_json::json!({"key": address.key, "generation": address.generation})
}

/// One node, as a JSON line.
fn json(node: &Node, shown: &Shown, lineage: &Lineage) -> serde_json::Value {
    let from: Vec<serde_json::Value> = node
        .from
        .iter()
        .map(|(name, place)| {
            let mut line = match &lineage.nodes[*place].what {
                What::Result { address: at, .. } | What::Gone(at) => address(at),
                What::External { uri, tree, .. } => serde_json::json!({"external": uri, "tree": tree}),
            };
            if !name.is_empty() {
                line["input"] = name.as_str().into();
            }
            line
        })
        .collect();
    match &node.what {
        What::Result { address, result, .. } => {
            let made = &result.provenance;
            let mut line = serde_json::json!({
                "key": address.key, "generation": address.generation, "state": shown.tone.word(),
                "plugin": made.plugin, "task": result.action.task, "params": shown.params, "tree": result.tree,
                "size": result.size, "component": made.component, "started": made.started,
                "seconds": made.seconds, "wrun": made.wrun, "from": from,
            });
            if let Some(adopted) = &made.adopted {
                line["adopted-from"] = adopted.from.as_str().into();
            }
            line
        }
        What::External { uri, tree, kind } => {
            serde_json::json!({"external": uri, "tree": tree, "kind": kind, "state": shown.tone.word()})
        }
        What::Gone(at) => {
            let mut line = address(at);
            line["state"] = shown.tone.word().into();
            line
        }
    }
}

/// Draws a tree: of what each was made from, or what was made from each. What was drawn once is not drawn again.
fn text(shell: &Shell, lineage: &Lineage, shown: &[Shown], roots: usize, down: bool) -> String {
    let style = shell.out();
    let mut below: Vec<Vec<(&str, usize)>> = vec![Vec::new(); lineage.nodes.len()];
    for (at, node) in lineage.nodes.iter().enumerate() {
        for (name, from) in &node.from {
            let (parent, child) = if down { (*from, at) } else { (at, *from) };
            below[parent].push((name, child));
        }
    }
    let mut out = String::new();
    let mut drawn = vec![false; lineage.nodes.len()];
    for root in 0..roots.min(lineage.nodes.len()) {
        let mut open = vec![(0, "", root)];
        while let Some((depth, through, at)) = open.pop() {
            let it = &shown[at];
            let arrow = if down { "→" } else { "←" };
            let via =
                if depth == 0 { String::new() } else { style.dim(format!("{through} {arrow} ").trim_start()) };
            let again = drawn[at] && !below[at].is_empty();
            let told = if again { "as above".to_owned() } else { plain(&it.told) };
            let key = match &lineage.nodes[at].what {
                What::Result { address, .. } => format!("  {}", address.key.0.short()),
                _ => String::new(),
            };
            let pad = "  ".repeat(depth);
            let name = style.bold(plain(&it.name));
            _ = writeln!(out, "{pad}{via}{name}{}  {}", style.dim(key), style.dim(told));
            if !drawn[at] {
                open.extend(below[at].iter().rev().map(|(name, child)| (depth + 1, *name, *child)));
            }
            drawn[at] = true;
        }
    }
    if down && below[..roots.min(below.len())].iter().all(Vec::is_empty) {
        _ = writeln!(out, "  {}", style.dim("nothing is known to be made from it"));
    }
    out
}

/// The same as a graph, whose arrows go from what is needed to what needs it.
fn drawing(lineage: &Lineage, shown: &[Shown]) -> Drawing {
    let place = |(_, place): &(String, usize)| u32::try_from(*place).unwrap_or(u32::MAX);
    let needs: Vec<Vec<u32>> = lineage.nodes.iter().map(|node| node.from.iter().map(place).collect()).collect();
    let tasks = shown.iter().zip(&needs).map(|(shown, needs)| Task {
        plugin: &shown.plugin,
        name: &shown.task,
        params: &shown.params,
        tone: shown.tone,
        needs,
        why: shown.told.clone(),
        seconds: shown.seconds,
    });
    Graph { tasks: tasks.collect() }.drawing()
}
