//! The same work for several things at once.

use crate::schedule::{run_all, Weight};
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many files are read, hashed or sent at once.
pub const FILES: usize = 8;

/// Does `work` for each item, `limit` at a time, and returns what it made of each, in their order. After a failure nothing new is begun;
/// of several the one of the first item is returned.
pub fn in_parallel<T: Sync, R: Send>(
    limit: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let failed = AtomicBool::new(false);
    let equal = vec![Weight::default(); items.len()];
    let results = run_all(&equal, limit, |number| {
        let goes_on = !failed.load(Ordering::Relaxed);
        goes_on.then(|| work(&items[number]).inspect_err(|_| failed.store(true, Ordering::Relaxed)))
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    #[test]
    fn everything_is_done_once_and_never_more_than_the_limit_at_a_time() {
        let (at_work, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let numbers: Vec<usize> = (0..40).collect();
        let doubled = in_parallel(3, &numbers, |number| {
            most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            at_work.fetch_sub(1, Ordering::SeqCst);
            Ok(number * 2)
        })
        .unwrap();
        assert_eq!(doubled, (0..80).step_by(2).collect::<Vec<_>>());
        assert!((1..=3).contains(&most.into_inner()));
    }

    #[test]
    fn of_several_failures_the_first_items_is_returned() {
        let both = std::sync::Barrier::new(2);
        let result = in_parallel(2, &["one", "two"], |name| -> Result<()> {
            both.wait();
            anyhow::bail!("{name}")
        });
        assert_eq!(result.unwrap_err().to_string(), "one");
    }

    #[test]
    fn after_a_failure_nothing_new_is_begun() {
        let begun = AtomicUsize::new(0);
        let result = in_parallel(1, &[1, 2, 3, 4], |item| {
            begun.fetch_add(1, Ordering::SeqCst);
            anyhow::ensure!(*item != 2, "two");
            Ok(())
        });
        assert_eq!(result.unwrap_err().to_string(), "two");
        assert_eq!(begun.into_inner(), 2);
    }
}
