//! Layered layout, left to right: what is needed stands left of what needs it.
//!
//! After K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system
//! structures" (1981): circles are cut, layers are longest paths, edges over several layers get a bend in
//! each, layers are ordered by the mean place of neighbours, and heights are least squares that keep the order.

/// Sweeps over all layers; more change nothing that is seen.
const SWEEPS: usize = 12;
/// Edges that would have more bends than this in all are drawn straight.
const MOST_BENDS: usize = 20_000;

/// Where everything is.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// The middle of the left side, and the layer, of each box.
    pub(crate) boxes: Vec<(f64, f64, usize)>,
    /// Points that each edge passes after its start and before its end: `(x of entry, x of exit, y)`.
    pub(crate) bends: Vec<Vec<(f64, f64, f64)>>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Distances.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Spacing {
    /// Between layers.
    pub(crate) across: f64,
    /// Between boxes of one layer.
    pub(crate) down: f64,
}

/// A place in a layer: a box, or a bend of an edge.
struct Cell {
    height: f64,
    left: Vec<usize>,
    right: Vec<usize>,
    y: f64,
}

/// Lays out boxes of these widths and heights, and edges from what is needed to what needs it.
pub(crate) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)], spacing: Spacing) -> Layout {
    if sizes.is_empty() {
        return Layout::default();
    }
    let forward = forward(sizes.len(), edges);
    let layer = layers(sizes.len(), edges, &forward);
    let deepest = layer.iter().copied().max().unwrap_or(0);
    let mut cells: Vec<Cell> = sizes
        .iter()
        .map(|(_, height)| Cell { height: *height, left: Vec::new(), right: Vec::new(), y: 0.0 })
        .collect();
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); deepest + 1];
    layer.iter().enumerate().for_each(|(at, layer)| order[*layer].push(at));
    let span = |&(from, to): &(usize, usize)| layer[to].abs_diff(layer[from]).saturating_sub(1);
    let bent = edges.iter().map(span).sum::<usize>() <= MOST_BENDS;
    let mut chains: Vec<Vec<usize>> = Vec::with_capacity(edges.len());
    for &(from, to) in edges {
        let (low, high) = if layer[from] < layer[to] { (from, to) } else { (to, from) };
        let mut chain = Vec::new();
        let mut last = low;
        if bent || layer[high] - layer[low] == 1 {
            for row in &mut order[layer[low] + 1..layer[high].max(layer[low] + 1)] {
                let bend = cells.len();
                cells.push(Cell { height: 6.0, left: vec![last], right: Vec::new(), y: 0.0 });
                cells[last].right.push(bend);
                row.push(bend);
                chain.push(bend);
                last = bend;
            }
            cells[last].right.push(high);
            cells[high].left.push(last);
        }
        if low != from {
            chain.reverse();
        }
        chains.push(chain);
    }
    arrange(&mut order, &cells);
    heights(&order, &mut cells, spacing.down);
    let mut x = 0.0;
    let mut columns = Vec::with_capacity(order.len());
    for row in &order {
        let width = row.iter().filter_map(|cell| sizes.get(*cell)).map(|size| size.0).fold(0.0, f64::max);
        columns.push((x, width));
        x += width + spacing.across;
    }
    let bends = chains.iter().zip(edges).map(|(chain, (from, to))| {
        let first = layer[*from];
        let step = |i: usize| if layer[*to] > first { first + 1 + i } else { first.saturating_sub(1 + i) };
        let bend = |(i, cell): (usize, &usize)| {
            let at = columns[step(i)];
            (at.0, at.0 + at.1, cells[*cell].y)
        };
        chain.iter().enumerate().map(bend).collect()
    });
    let bends = bends.collect();
    let bottom = cells.iter().map(|cell| cell.y + cell.height / 2.0).fold(0.0, f64::max);
    Layout {
        boxes: (0..sizes.len()).map(|at| (columns[layer[at]].0, cells[at].y, layer[at])).collect(),
        bends,
        width: (x - spacing.across).max(0.0),
        height: bottom,
    }
}

/// Tells of each edge whether it goes forward: without those that do not, there is no circle.
fn forward(boxes: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let mut out: Vec<Vec<(usize, usize)>> = vec![Vec::new(); boxes];
    edges.iter().enumerate().for_each(|(i, (from, to))| out[*from].push((*to, i)));
    let mut forward: Vec<bool> = edges.iter().map(|(from, to)| from != to).collect();
    // 0 not seen, 1 on the way, 2 done.
    let mut seen = vec![0_u8; boxes];
    for root in 0..boxes {
        let mut stack = vec![(root, 0)];
        while let Some((at, next)) = stack.pop() {
            if next == 0 {
                if seen[at] != 0 {
                    continue;
                }
                seen[at] = 1;
            }
            if let Some((to, edge)) = out[at].get(next) {
                stack.push((at, next + 1));
                match seen[*to] {
                    0 => stack.push((*to, 0)),
                    1 => forward[*edge] = false,
                    _ => {}
                }
            } else {
                seen[at] = 2;
            }
        }
    }
    forward
}

/// Returns the layer of each box: the longest path to it. A box that needs nothing stands as far right as it
/// may, beside what needs it.
fn layers(boxes: usize, edges: &[(usize, usize)], forward: &[bool]) -> Vec<usize> {
    let mut right: Vec<Vec<usize>> = vec![Vec::new(); boxes];
    let mut missing = vec![0_usize; boxes];
    for ((from, to), _) in edges.iter().zip(forward).filter(|(_, forward)| **forward) {
        right[*from].push(*to);
        missing[*to] += 1;
    }
    let mut layer = vec![0_usize; boxes];
    let roots: Vec<usize> = (0..boxes).filter(|at| missing[*at] == 0).collect();
    let mut ready = roots.clone();
    while let Some(at) = ready.pop() {
        for to in &right[at] {
            layer[*to] = layer[*to].max(layer[at] + 1);
            missing[*to] -= 1;
            if missing[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    for root in roots {
        let nearest = right[root].iter().map(|to| layer[*to]).min();
        layer[root] = nearest.map_or(0, |nearest| nearest.saturating_sub(1));
    }
    layer
}

/// Orders each layer by the mean place of its neighbours, and keeps the order with the fewest crossings.
fn arrange(order: &mut Vec<Vec<usize>>, cells: &[Cell]) {
    let mut place = vec![0.0_f64; cells.len()];
    let number = |row: &[usize], place: &mut [f64]| {
        // Neighbours of a layer with few cells are as far apart as those of one with many.
        for (at, cell) in row.iter().enumerate() {
            place[*cell] = (at as f64 + 0.5) / row.len() as f64;
        }
    };
    order.iter().for_each(|row| number(row, &mut place));
    let mut best = (crossings(order, cells), order.clone());
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let layers: Vec<usize> = if down { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for at in layers {
            let mean = |cell: &usize| {
                let beside = if down { &cells[*cell].left } else { &cells[*cell].right };
                mean(beside.iter().map(|other| place[*other])).unwrap_or(place[*cell])
            };
            let mut keyed: Vec<(f64, usize)> = order[at].iter().map(|cell| (mean(cell), *cell)).collect();
            keyed.sort_by(|one, two| one.0.total_cmp(&two.0));
            order[at] = keyed.into_iter().map(|(_, cell)| cell).collect();
            number(&order[at], &mut place);
        }
        let now = crossings(order, cells);
        if now < best.0 {
            best = (now, order.clone());
        }
    }
    *order = best.1;
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

/// Counts how many pairs of edges cross.
fn crossings(order: &[Vec<usize>], cells: &[Cell]) -> u64 {
    let mut total = 0;
    for pair in order.windows(2) {
        let mut place = std::collections::HashMap::new();
        pair[1].iter().enumerate().for_each(|(i, cell)| _ = place.insert(*cell, i));
        // A Fenwick tree over the places of the right layer: how many edges already end above.
        let mut ends = vec![0_u64; pair[1].len() + 1];
        let mut drawn = 0;
        for cell in &pair[0] {
            let mut to: Vec<usize> = cells[*cell].right.iter().filter_map(|to| place.get(to).copied()).collect();
            to.sort_unstable();
            for end in &to {
                let (mut i, mut above) = (end + 1, 0);
                while i > 0 {
                    above += ends[i];
                    i &= i - 1;
                }
                total += drawn - above;
            }
            for end in to {
                let mut i = end + 1;
                while i < ends.len() {
                    ends[i] += 1;
                    i += i & i.wrapping_neg();
                }
                drawn += 1;
            }
        }
    }
    total
}

/// Gives every cell a height beside its neighbours, in its layer's order and without overlap.
fn heights(order: &[Vec<usize>], cells: &mut [Cell], gap: f64) {
    for row in order {
        let mut y = 0.0;
        for cell in row {
            cells[*cell].y = y + cells[*cell].height / 2.0;
            y += cells[*cell].height + gap;
        }
    }
    for sweep in 0..2 * SWEEPS {
        let down = sweep % 2 == 0;
        let rows: Vec<&Vec<usize>> = if down { order.iter().collect() } else { order.iter().rev().collect() };
        for row in rows {
            let wish = |cell: &usize| {
                let it = &cells[*cell];
                let beside = if sweep + 2 >= 2 * SWEEPS {
                    mean(it.left.iter().chain(&it.right).map(|other| cells[*other].y))
                } else {
                    mean(if down { &it.left } else { &it.right }.iter().map(|other| cells[*other].y))
                };
                beside.unwrap_or(it.y)
            };
            let wishes: Vec<f64> = row.iter().map(wish).collect();
            let sizes: Vec<f64> = row.iter().map(|cell| cells[*cell].height).collect();
            for (cell, y) in row.iter().zip(settle(&wishes, &sizes, gap)) {
                cells[*cell].y = y;
            }
        }
    }
    let top = cells.iter().map(|cell| cell.y - cell.height / 2.0).fold(f64::INFINITY, f64::min);
    cells.iter_mut().for_each(|cell| cell.y -= top);
}

/// Returns the places nearest to the wishes (least squares) that keep order and distance: isotonic regression
/// by pooling neighbours that violate it.
fn settle(wishes: &[f64], sizes: &[f64], gap: f64) -> Vec<f64> {
    // With the room above each taken off, order and distance become order alone.
    let mut room = 0.0;
    let mut rooms = Vec::with_capacity(wishes.len());
    // A pool: the sum of its wishes, and how many.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (i, (wish, size)) in wishes.iter().zip(sizes).enumerate() {
        if i > 0 {
            room += (sizes[i - 1] + size) / 2.0 + gap;
        }
        rooms.push(room);
        pools.push((wish - room, 1.0, 1));
        while let [.., one, two] = pools.as_slice()
            && one.0 / one.1 > two.0 / two.1
        {
            let both = (one.0 + two.0, one.1 + two.1, one.2 + two.2);
            pools.truncate(pools.len() - 2);
            pools.push(both);
        }
    }
    let places = pools.iter().flat_map(|(sum, n, members)| std::iter::repeat_n(sum / n, *members));
    places.zip(rooms).map(|(place, room)| place + room).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACING: Spacing = Spacing { across: 50.0, down: 10.0 };

    fn laid(boxes: usize, edges: &[(usize, usize)]) -> Layout {
        layout(&vec![(100.0, 30.0); boxes], edges, SPACING)
    }

    #[test]
    fn none_and_one() {
        assert_eq!(laid(0, &[]).width, 0.0);
        let one = laid(1, &[]);
        assert_eq!((one.boxes[0], one.width, one.height), ((0.0, 15.0, 0), 100.0, 30.0));
        assert_eq!(laid(1, &[(0, 0)]).boxes.len(), 1);
    }

    #[test]
    fn what_is_needed_stands_left_of_what_needs_it() {
        let layout = laid(4, &[(0, 1), (1, 2), (0, 2), (3, 2)]);
        let layers: Vec<usize> = layout.boxes.iter().map(|it| it.2).collect();
        assert_eq!(layers, [0, 1, 2, 1]);
        assert_eq!(layout.bends[2].len(), 1);
        assert!(layout.bends[2][0].0 == 150.0);
    }

    #[test]
    fn boxes_never_overlap_whatever_the_graph() {
        let mut random = 7_u64;
        let mut next = |n: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap_or(0) % n
        };
        for _ in 0..60 {
            let n = 1 + next(30);
            let edges: Vec<(usize, usize)> = (0..next(60)).map(|_| (next(n), next(n))).collect();
            let layout = laid(n, &edges);
            for (i, one) in layout.boxes.iter().enumerate() {
                assert!(one.1.is_finite() && one.1 >= 15.0 - 1e-6 && one.1 + 15.0 <= layout.height + 1e-6);
                for two in &layout.boxes[i + 1..] {
                    assert!(one.2 != two.2 || (one.1 - two.1).abs() >= 40.0 - 1e-6, "{one:?} {two:?}");
                }
            }
        }
    }

    #[test]
    fn a_fan_is_centred_and_does_not_cross() {
        let edges: Vec<(usize, usize)> = (1..=5).flat_map(|i| [(0, i), (i, 5 + i), (5 + i, 11)]).collect();
        let layout = laid(12, &edges);
        assert!((layout.boxes[0].1 - layout.boxes[11].1).abs() < 1.0);
        for i in 1..=5 {
            assert!((layout.boxes[i].1 - layout.boxes[5 + i].1).abs() < 1.0);
        }
    }
}
