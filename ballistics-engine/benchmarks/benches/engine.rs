//! The library calls that the bars are about. Compare medians; the machine's load is in the slowest.

use ballistics_benchmarks::{match_308, match_308_aimed, monte_carlo, ten_ranges};
use ballistics_engine::{Length, Solver};
use divan::counter::ItemsCount;
use divan::{black_box, Bencher};

fn main() {
    divan::main();
}

/// Bar: 8 us.
#[divan::bench]
fn trajectory_1000_yd_ten_rows(bencher: Bencher) {
    let (shot, ranges) = (match_308_aimed(), ten_ranges());
    bencher
        .bench(|| Solver::new(black_box(&shot)).and_then(|solver| solver.rows(black_box(&ranges))));
}

#[divan::bench]
fn trajectory_with_its_zero(bencher: Bencher) {
    let (shot, ranges) = (match_308(), ten_ranges());
    bencher
        .bench(|| Solver::new(black_box(&shot)).and_then(|solver| solver.rows(black_box(&ranges))));
}

/// Bar: 3 us.
#[divan::bench]
fn zero_100_yd(bencher: Bencher) {
    let shot = match_308();
    bencher.bench(|| Solver::new(black_box(&shot)).map(|solver| solver.zero_angle()));
}

/// Bar: 1 million shots a second, draws included.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn monte_carlo_1000_yd(bencher: Bencher) {
    const SHOTS: usize = 50_000;
    let plan = monte_carlo(SHOTS);
    let solver = Solver::new(&match_308()).expect("the shot is a good one");
    bencher
        .counter(ItemsCount::new(SHOTS))
        .bench(|| solver.monte_carlo(black_box(&plan)));
}

#[divan::bench]
fn point_blank_range(bencher: Bencher) {
    let solver = Solver::new(&match_308()).expect("the shot is a good one");
    bencher.bench(|| solver.point_blank(black_box(Length::inches(3.0))));
}
