//! Which job starts next: the longest first, never more at once than `--jobs`, nor more on a machine than its slots.

use crate::words::MachineName;
use std::cmp::Reverse;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What the order needs to know of a job.
#[derive(Clone, Debug, Default)]
pub struct Weight {
    /// How long it took before; what is unknown goes first, since it may be the longest.
    pub usual: Option<Duration>,
    /// The machine whose slots it takes, and how many it has.
    pub machine: Option<(MachineName, usize)>,
}

/// Runs every job in a thread of its own; results come in the order of `weights`.
pub fn run_all<T: Send>(
    weights: &[Weight],
    at_once: usize,
    run: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let queue = Queue {
        state: Mutex::new(State::new(weights)),
        freed: Condvar::new(),
        weights,
    };
    let mut results: Vec<(usize, T)> = thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            while let Some(job) = queue.take() {
                done.push((job, run(job)));
                queue.give_back(job);
            }
            done
        };
        let threads: Vec<_> = (0..at_once.min(weights.len()))
            .map(|_| scope.spawn(worker))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a job does not panic"))
            .collect()
    });
    results.sort_by_key(|(job, _)| *job);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The order in which jobs start while there is room, by their numbers.
pub fn longest_first(usual: impl IntoIterator<Item = Option<Duration>>) -> Vec<usize> {
    let mut jobs: Vec<_> = usual.into_iter().enumerate().collect();
    jobs.sort_by_key(|(_, usual)| Reverse(usual.unwrap_or(Duration::MAX)));
    jobs.into_iter().map(|(job, _)| job).collect()
}

struct Queue<'a> {
    state: Mutex<State>,
    freed: Condvar,
    weights: &'a [Weight],
}

struct State {
    /// The longest first.
    waiting: Vec<usize>,
    running: Vec<usize>,
}

impl State {
    fn new(weights: &[Weight]) -> State {
        State {
            waiting: longest_first(weights.iter().map(|weight| weight.usual)),
            running: Vec::new(),
        }
    }
}

impl Queue<'_> {
    /// The next job whose machine has a free slot; `None` when there is no more to do.
    fn take(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.waiting.is_empty() {
                return None;
            }
            if let Some(place) = state
                .waiting
                .iter()
                .position(|job| self.has_slot(*job, &state.running))
            {
                let job = state.waiting.remove(place);
                state.running.push(job);
                return Some(job);
            }
            state = self
                .freed
                .wait(state)
                .expect("no thread panics while it holds the queue");
        }
    }

    fn has_slot(&self, job: usize, running: &[usize]) -> bool {
        let Some((machine, slots)) = &self.weights[job].machine else {
            return true;
        };
        let on_it = |other: &&usize| {
            self.weights[**other]
                .machine
                .as_ref()
                .is_some_and(|(name, _)| name == machine)
        };
        running.iter().filter(on_it).count() < *slots
    }

    fn give_back(&self, job: usize) {
        self.lock().running.retain(|other| *other != job);
        self.freed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds the queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn weight(seconds: Option<u64>, machine: Option<(&str, usize)>) -> Weight {
        Weight {
            usual: seconds.map(Duration::from_secs),
            machine: machine.map(|(name, slots)| (MachineName::parse(name).unwrap(), slots)),
        }
    }

    #[test]
    fn the_unknown_and_the_longest_start_first() {
        let weights = [
            weight(Some(5), None),
            weight(Some(900), None),
            weight(None, None),
            weight(Some(60), None),
        ];
        let started = Mutex::new(Vec::new());
        let results = run_all(&weights, 1, |job| {
            started.lock().unwrap().push(job);
            job * 10
        });
        assert_eq!(started.into_inner().unwrap(), [2, 1, 3, 0]);
        assert_eq!(results, [0, 10, 20, 30]);
    }

    #[test]
    fn a_machine_runs_no_more_than_its_slots_and_others_go_on() {
        let weights: Vec<Weight> = (0..12)
            .map(|i| weight(Some(i), (i % 2 == 0).then_some(("rig", 2))))
            .collect();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = run_all(&weights, usize::MAX, |job| {
            if job % 2 == 0 {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            }
            job
        });
        assert_eq!(results, (0..12).collect::<Vec<_>>());
        assert!(most.into_inner() <= 2);
    }
}
