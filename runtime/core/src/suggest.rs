//! Did you mean: the nearest of a few known names.

/// Returns the candidate nearest to `name`, if one is near enough to have been meant.
///
/// Nearness is the optimal string alignment distance (an adjacent swap counts as one edit); at most
/// a third of the name may differ. Where none is near, it is the only candidate that begins with `name`.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let near = candidates
        .iter()
        .map(|candidate| (strsim::osa_distance(name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate);
    near.or_else(|| {
        // A beginning that only one has.
        let mut begun = candidates.iter().filter(|candidate| name.len() > 1 && candidate.starts_with(name));
        begun.next().copied().filter(|_| begun.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["delays", "week", "report"];
        assert_eq!(nearest("dealys", known), Some("delays"));
        assert_eq!(nearest("repot", known), Some("report"));
        assert_eq!(nearest("elephant", known), None);
        assert_eq!(nearest("rep", known), Some("report"));
        assert_eq!(nearest("r", known), None);
        assert_eq!(nearest("re", ["report", "reduce"]), None);
    }
}
