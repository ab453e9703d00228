//! The drawn graph: boxes in layers, arrows from what is needed to what needs it.
//!
//! A file of its own carries `graph.css`, light and dark; inside the page the page's own style has it.

use super::escape::{markup, visible};
use super::layout::{Layout, Spacing, layout};
use super::model::{Boxed, Drawing, Tone};
use crate::text::{clip, count};
use std::fmt::Write as _;

/// Colours and type, shared with the page.
pub(crate) const STYLE: &str = include_str!("page/graph.css");

const MARGIN: f64 = 24.0;
/// Room for the legend above the boxes.
const HEAD: f64 = 44.0;
const SPACING: Spacing = Spacing { across: 72.0, down: 12.0 };
/// The mean width of a character, and of one of the small monospaced ones.
const WIDE: f64 = 8.0;
const SMALL: f64 = 6.65;
/// Characters of a name and of params that are shown.
const MOST: usize = 40;

/// Where the picture goes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// A file: with its own style and legend.
    File,
    /// The page: which has both, and follows boxes to the table.
    Page,
}

/// Draws.
pub(crate) fn svg(drawing: &Drawing, place: For) -> String {
    let sizes: Vec<(f64, f64)> = drawing.boxes.iter().map(|it| size(it, drawing.grouped)).collect();
    let edges: Vec<(usize, usize)> = drawing.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let layout = layout(&sizes, &edges, SPACING);
    let head = if place == For::File { HEAD } else { 0.0 };
    let legend_width = 120.0 * drawing.totals.len() as f64 + 160.0;
    let least = if place == For::File { legend_width } else { 120.0 };
    let width = layout.width.max(least) + 2.0 * MARGIN;
    let height = layout.height.max(if drawing.boxes.is_empty() { 40.0 } else { 0.0 }) + head + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\">\n",
        markup(&told(drawing))
    );
    if place == For::File {
        _ = write!(out, "<style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
        legend(&mut out, drawing);
    }
    if drawing.boxes.is_empty() {
        _ = writeln!(
            out,
            "<text class=\"which\" x=\"{MARGIN}\" y=\"{:.0}\">no tasks</text>",
            head + MARGIN + 20.0
        );
    }
    _ = writeln!(out, "<g transform=\"translate({MARGIN} {})\">", MARGIN + head);
    let dense = edges.len() > 300;
    _ = writeln!(out, "<g class=\"edges{}\">", if dense { " dense" } else { "" });
    for (i, edge) in drawing.edges.iter().enumerate() {
        let path = path(&layout, &sizes, i, edge.from, edge.to);
        // Many needs are drawn stronger than one, but not a thousand times so.
        let strength = 1.0 + (edge.count as f64).log10().max(0.0);
        let (from, to) = (&drawing.boxes[edge.from], &drawing.boxes[edge.to]);
        let title = match edge.count {
            1 => format!("{} needs {}", to.name, from.name),
            n => format!("{} needs {}, {} times", to.name, from.name, count(n)),
        };
        _ = writeln!(
            out,
            "<path data-from=\"{}\" data-to=\"{}\" stroke-width=\"{strength:.1}\" d=\"{path}\"><title>{}</title></path>",
            edge.from,
            edge.to,
            markup(&title)
        );
    }
    out.push_str("</g>\n");
    for (at, (it, size)) in drawing.boxes.iter().zip(&sizes).enumerate() {
        let (x, y, _) = layout.boxes[at];
        boxed(&mut out, it, at, (x, y - size.1 / 2.0), *size, (drawing.grouped, place));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Says in words what the picture shows.
fn told(drawing: &Drawing) -> String {
    let parts = drawing.totals.iter().map(|(tone, n)| format!("{} {}", count(*n), tone.word()));
    let what = if drawing.grouped { "Graph of task types" } else { "Graph of tasks" };
    format!("{what}: {}", parts.collect::<Vec<_>>().join(", "))
}

fn legend(out: &mut String, drawing: &Drawing) {
    let tasks: u64 = drawing.totals.iter().map(|total| total.1).sum();
    let mut x = MARGIN;
    let title = crate::text::counted(tasks, "task");
    _ = writeln!(out, "<text class=\"name\" x=\"{x}\" y=\"{}\">{title}</text>", MARGIN + 12.0);
    x += 28.0 + WIDE * title.len() as f64;
    for (tone, n) in &drawing.totals {
        let text = format!("{} {}", count(*n), tone.word());
        let y = MARGIN + 12.0;
        swatch(out, *tone, (x, y - 9.0), (10.0, 10.0));
        _ = writeln!(out, "<text class=\"told\" x=\"{:.1}\" y=\"{y}\">{text}</text>", x + 16.0);
        x += 40.0 + WIDE * text.len() as f64;
    }
}

fn swatch(out: &mut String, tone: Tone, (x, y): (f64, f64), (width, height): (f64, f64)) {
    _ = writeln!(
        out,
        "<rect class=\"t-{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>",
        tone.colour()
    );
}

fn shown(text: &str) -> String {
    clip(&visible(text), MOST)
}

/// Returns a box's size: wide enough for its lines.
fn size(it: &Boxed, grouped: bool) -> (f64, f64) {
    let name = shown(&it.name).chars().count();
    let first = WIDE * name as f64 + if grouped { 14.0 + SMALL * count(it.members).len() as f64 } else { 0.0 };
    let which = SMALL * shown(&it.which).chars().count() as f64;
    let told = if grouped { 6.2 * it.told().chars().count() as f64 + self_loop(it) } else { 0.0 };
    let state = if grouped { 0.0 } else { 14.0 + 6.2 * it.told().len() as f64 };
    let height = if grouped {
        74.0
    } else if it.which.is_empty() {
        30.0
    } else {
        42.0
    };
    ((first + state).max(which).max(told).max(64.0) + 28.0, height)
}

/// The room for the words about needs within a type.
fn self_loop(it: &Boxed) -> f64 {
    if it.itself > 0 { 26.0 + 6.2 * count(it.itself).len() as f64 } else { 0.0 }
}

fn boxed(
    out: &mut String,
    it: &Boxed,
    at: usize,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    (grouped, place): (bool, For),
) {
    let worst = it.tones.first().map_or(Tone::Cached, |tone| tone.0);
    let link = match (place, it.task) {
        (For::File, _) => String::new(),
        (For::Page, Some(task)) if !grouped => format!(" tabindex=\"0\" role=\"button\" data-task=\"{task}\""),
        (For::Page, _) => format!(" tabindex=\"0\" role=\"button\" data-kind=\"{}\"", it.kind),
    };
    _ = writeln!(
        out,
        "<g class=\"box s-{}\" data-box=\"{at}\" transform=\"translate({x:.1} {y:.1})\"{link}><title>{}</title>",
        worst.colour(),
        // Lines of the title stay lines.
        it.whole().lines().map(markup).collect::<Vec<_>>().join("\n")
    );
    _ = writeln!(out, "<rect class=\"card\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"6\"/>");
    if grouped {
        group(out, it, width);
    } else {
        swatch(out, worst, (0.0, 0.0), (4.0, height));
        let first = if it.which.is_empty() { height / 2.0 + 4.5 } else { 18.0 };
        _ = writeln!(out, "<text class=\"name\" x=\"14\" y=\"{first}\">{}</text>", markup(&shown(&it.name)));
        _ = writeln!(
            out,
            "<text class=\"state w-{}\" x=\"{:.1}\" y=\"{first}\">{}</text>",
            worst.colour(),
            width - 12.0,
            worst.word()
        );
        if !it.which.is_empty() {
            _ = writeln!(out, "<text class=\"which\" x=\"14\" y=\"34\">{}</text>", markup(&shown(&it.which)));
        }
    }
    out.push_str("</g>\n");
}

fn group(out: &mut String, it: &Boxed, width: f64) {
    _ = writeln!(out, "<text class=\"name\" x=\"14\" y=\"20\">{}</text>", markup(&shown(&it.name)));
    _ = writeln!(out, "<text class=\"count\" x=\"{:.1}\" y=\"20\">{}</text>", width - 14.0, count(it.members));
    _ = writeln!(out, "<text class=\"which\" x=\"14\" y=\"37\">{}</text>", markup(&shown(&it.which)));
    let room = width - 28.0;
    let mut x = 14.0;
    // Even one of a million is seen.
    let least = 3.0_f64.min(room / it.tones.len().max(1) as f64);
    let spare = room - least * it.tones.len() as f64;
    for (tone, n) in &it.tones {
        let share = least + spare * *n as f64 / it.members.max(1) as f64;
        _ = writeln!(
            out,
            "<rect class=\"t-{}\" x=\"{x:.1}\" y=\"45\" width=\"{share:.1}\" height=\"5\"/>",
            tone.colour()
        );
        x += share;
    }
    _ = writeln!(out, "<text class=\"told\" x=\"14\" y=\"65\">{}</text>", it.told());
    if it.itself > 0 {
        _ = writeln!(
            out,
            "<text class=\"count\" x=\"{:.1}\" y=\"65\">↻ {}</text>",
            width - 14.0,
            count(it.itself)
        );
    }
}

/// Returns the curve of an edge: horizontal where it leaves, bends and arrives.
fn path(layout: &Layout, sizes: &[(f64, f64)], edge: usize, from: usize, to: usize) -> String {
    let (start, end) = (layout.boxes[from], layout.boxes[to]);
    let backwards = start.2 >= end.2;
    let (mut x, mut y) = (start.0 + sizes[from].0, start.1);
    if backwards {
        // Out on the left, in on the right.
        x = start.0;
    }
    let mut out = format!("M{x:.1} {y:.1}");
    let mut curve = |x: &mut f64, y: &mut f64, to: (f64, f64)| {
        let half = (to.0 - *x) / 2.0;
        _ = write!(out, "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", *x + half, *y, to.0 - half, to.1, to.0, to.1);
        (*x, *y) = to;
    };
    for (enter, leave, at) in &layout.bends[edge] {
        let (enter, leave) = if backwards { (*leave, *enter) } else { (*enter, *leave) };
        curve(&mut x, &mut y, (enter, *at));
        curve(&mut x, &mut y, (leave, *at));
    }
    let arrive = if backwards { end.0 + sizes[to].0 } else { end.0 };
    curve(&mut x, &mut y, (arrive, end.1));
    out
}
