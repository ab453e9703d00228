//! The graph in languages whose tools lay it out: DOT (Graphviz) and Mermaid.

use super::escape::{dot, mermaid};
use super::model::{Boxed, Drawing, Tone};
use crate::text::{clip, count};
use std::fmt::Write as _;

/// Fill and ink of each state; `page/graph.css` has the same for light paper.
const COLOURS: [(&str, &str, &str); 7] = [
    ("cached", "#eceff3", "#5d6b7e"),
    ("ran", "#dcf3e4", "#1a7f4b"),
    ("failed", "#fde3e1", "#c5281c"),
    ("blocked", "#fdebd3", "#a85b00"),
    ("waiting", "#e8e4fb", "#6747c7"),
    ("unknown", "#fbf3d0", "#7a6400"),
    ("skipped", "#f4f4f5", "#84868b"),
];

/// Returns the lines of a box: name, which, how it ended.
fn lines(it: &Boxed) -> Vec<String> {
    let name = if it.members == 1 { it.name.clone() } else { format!("{} × {}", count(it.members), it.name) };
    let mut lines = vec![clip(&name, 60)];
    if !it.which.is_empty() {
        lines.push(clip(&it.which, 60));
    }
    lines.push(it.told());
    lines
}

fn worst(it: &Boxed) -> &'static str {
    it.tones.first().map_or(Tone::Cached, |tone| tone.0).colour()
}

/// Writes DOT.
pub(crate) fn in_dot(drawing: &Drawing) -> String {
    let mut out = String::from(
        "digraph wrun {\n  rankdir=LR;\n  bgcolor=transparent;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica,Arial,sans-serif\", fontsize=11];\n  edge [color=\"#9aa4b2\", arrowsize=0.6];\n",
    );
    for (at, it) in drawing.boxes.iter().enumerate() {
        let label: Vec<String> = lines(it).iter().map(|line| dot(line)).collect();
        let colour = COLOURS.iter().find(|colour| colour.0 == worst(it)).unwrap_or(&COLOURS[0]);
        _ = writeln!(
            out,
            "  n{at} [label=\"{}\", fillcolor=\"{}\", color=\"{}\"];",
            label.join("\\n"),
            colour.1,
            colour.2
        );
        if it.itself > 0 {
            _ = writeln!(out, "  n{at} -> n{at} [label=\"{}\"];", count(it.itself));
        }
    }
    for edge in &drawing.edges {
        let label = if edge.count > 1 { format!(" [label=\"{}\"]", count(edge.count)) } else { String::new() };
        _ = writeln!(out, "  n{} -> n{}{label};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

/// Writes Mermaid.
pub(crate) fn in_mermaid(drawing: &Drawing) -> String {
    let mut out = String::from("flowchart LR\n");
    for (name, fill, ink) in COLOURS {
        if drawing.boxes.iter().any(|it| worst(it) == name) {
            _ = writeln!(out, "  classDef {name} fill:{fill},stroke:{ink},color:#1b1f24");
        }
    }
    for (at, it) in drawing.boxes.iter().enumerate() {
        let label: Vec<String> = lines(it).iter().map(|line| mermaid(line)).collect();
        _ = writeln!(out, "  n{at}[\"{}\"]:::{}", label.join("<br/>"), worst(it));
        if it.itself > 0 {
            _ = writeln!(out, "  n{at} -->|{}| n{at}", count(it.itself));
        }
    }
    for edge in &drawing.edges {
        let label = if edge.count > 1 { format!("|{}|", count(edge.count)) } else { String::new() };
        _ = writeln!(out, "  n{} -->{label} n{}", edge.from, edge.to);
    }
    out
}
