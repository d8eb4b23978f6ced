//! What somebody who mistyped may have meant.

/// The name that takes the fewest edits to reach; empty if there are none.
pub(super) fn nearest<'a>(name: &str, names: &[&'a str]) -> &'a str {
    names.iter().min_by_key(|known| distance(known, name)).copied().unwrap_or_default()
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
