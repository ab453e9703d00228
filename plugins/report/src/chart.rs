//! The chart: a bar a carrier, the latest first, with a mark at its mean of the week.

use crate::page::long_date;
use crate::table::{Row, Week};
use wrun_task::Date;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 76.0;
const STEP: f64 = 28.0;
const BAR: f64 = 18.0;

/// Draws `chart.svg`.
pub(crate) fn svg(date: Date, day: &[Row], week: &Week) -> String {
    let mut bars: Vec<(&Row, f64)> = day.iter().filter_map(|row| Some((row, row.figures?[0]))).collect();
    bars.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.carrier.cmp(&b.0.carrier)));
    let marks = bars.iter().filter_map(|(row, _)| week.get(&row.carrier)).map(|(mean, _)| *mean);
    let values: Vec<f64> = bars.iter().map(|(_, mean)| *mean).chain(marks).collect();
    let low = values.iter().copied().fold(0.0, f64::min);
    let high = values.iter().copied().fold(1.0, f64::max);
    let tick = tick(high - low);
    let (low, high) = ((low / tick).floor() * tick, (high / tick).ceil() * tick);
    let x = |value: f64| LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT);

    let bottom = TOP + bars.len() as f64 * STEP;
    let height = bottom + 44.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"20\" y=\"30\" font-size=\"18\" font-weight=\"600\" fill=\"#1b2733\">Mean departure delay by carrier</text>\n\
         <text x=\"20\" y=\"52\" fill=\"#5b6b7a\">{}, minutes; the mark is the mean of the week</text>\n",
        long_date(date)
    );
    let mut at = low;
    while at <= high + tick / 2.0 {
        let place = x(at);
        let colour = if at == 0.0 { "#8a97a5" } else { "#e3e8ed" };
        out.push_str(&format!(
            "<line x1=\"{place:.1}\" y1=\"{TOP:.1}\" x2=\"{place:.1}\" y2=\"{bottom:.1}\" stroke=\"{colour}\"/>\n\
             <text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#5b6b7a\">{at}</text>\n",
            bottom + 20.0
        ));
        at += tick;
    }
    for (number, (row, mean)) in bars.iter().enumerate() {
        let top = TOP + number as f64 * STEP + (STEP - BAR) / 2.0;
        let middle = top + BAR / 2.0 + 4.5;
        let (from, to) = (x(0.0_f64.min(*mean)), x(0.0_f64.max(*mean)));
        // Late is warm, on time is cool.
        let colour = if *mean > 15.0 {
            "#d1495b"
        } else if *mean > 0.0 {
            "#edae49"
        } else {
            "#2a9d8f"
        };
        out.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"#1b2733\">{}</text>\n\
             <rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{middle:.1}\" fill=\"#1b2733\">{mean:.1}</text>\n",
            LEFT - 12.0,
            escape(&row.name),
            to - from,
            to + 6.0
        ));
        if let Some((mean, _)) = week.get(&row.carrier) {
            let place = x(*mean);
            out.push_str(&format!(
                "<line x1=\"{place:.1}\" y1=\"{:.1}\" x2=\"{place:.1}\" y2=\"{:.1}\" stroke=\"#1b2733\" stroke-width=\"2\"/>\n",
                top - 2.0,
                top + BAR + 2.0
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// A round step that gives at most eight.
fn tick(span: f64) -> f64 {
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
    steps.into_iter().find(|step| span / step <= 8.0).unwrap_or(1000.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
