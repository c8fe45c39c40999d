//! A number of things as a person says it.

/// `1 file`, `2 files`. For nouns that take an `s`.
pub fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_things() {
        let files = [0, 1, 2].map(|count| counted(count, "file"));
        assert_eq!(files, ["0 files", "1 file", "2 files"]);
    }
}
