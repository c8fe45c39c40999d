//! The nearest known name to a mistyped one.

/// Edits (insert, delete, replace, swap of neighbours) between two words.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let best = replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                if swapped {
                    best.min(table[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    table[a.len()][b.len()]
}

/// A known name that a person plausibly meant: at most a third of its letters away.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(word, name), name))
        .filter(|(edits, name)| *edits <= (name.len() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_stranger_is_not() {
        let verbs = ["dist", "publish", "release"];
        assert_eq!(nearest("relaese", verbs), Some("release"));
        assert_eq!(nearest("pubish", verbs), Some("publish"));
        assert_eq!(nearest("frobnicate", verbs), None);
        assert_eq!(distance("versoin", "version"), 1);
    }
}
