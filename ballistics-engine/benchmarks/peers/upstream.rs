//! The peer's side of compare.py: upstream's 0.49, driven through its public API with the same shot. Built by the
//! script in a folder of its own, where the crate is called `upstream`; no part of this workspace.
//!
//!     peer trajectory|zero|monte-carlo COUNT
//!     peer rows 0

use std::hint::black_box;
use upstream::{
    calculate_zero_angle_with_conditions, run_monte_carlo, AtmosphericConditions, BallisticInputs, DragModel,
    MonteCarloParams, TrajectorySolver, WindConditions,
};

const ZERO_RANGE: f64 = 91.44;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let count: usize = words[2].parse().expect("a count");
    match words[1].as_str() {
        "trajectory" => (0..count).for_each(|_| drop(black_box(trajectory(0.001_166_380_29)))),
        "zero" => (0..count).for_each(|_| drop(black_box(zero()))),
        "monte-carlo" => monte_carlo(count),
        "rows" => rows(),
        other => panic!("no work called {other}"),
    }
}

fn inputs(angle: f64) -> BallisticInputs {
    BallisticInputs {
        bc_value: 0.243,
        bc_type: DragModel::G7,
        bullet_mass: 175.0 * 6.479_891e-5,
        muzzle_velocity: 2_600.0 * 0.3048,
        bullet_diameter: 0.308 * 0.0254,
        bullet_length: 1.24 * 0.0254,
        muzzle_angle: angle,
        target_distance: 914.4,
        sight_height: 1.5 * 0.0254,
        muzzle_height: 0.0,
        ground_threshold: -1_000.0,
        temperature: 15.0,
        pressure: 1_013.25,
        humidity: 0.0,
        altitude: 0.0,
        use_rk4: true,
        use_adaptive_rk45: true,
        ..BallisticInputs::default()
    }
}

fn air() -> AtmosphericConditions {
    AtmosphericConditions { temperature: 15.0, pressure: 1_013.25, humidity: 0.0, altitude: 0.0 }
}

fn trajectory(angle: f64) -> Vec<f64> {
    let mut solver = TrajectorySolver::new(black_box(inputs(angle)), WindConditions::default(), air());
    solver.set_max_range(915.0);
    let result = solver.solve().expect("a trajectory");
    let height = |k: u32| result.position_at_range(f64::from(k) * ZERO_RANGE).expect("a point").y;
    (1..=10).map(height).collect()
}

fn zero() -> f64 {
    // The height of the line of sight where the bore starts at 0.
    let target = inputs(0.0).sight_height;
    let wind = WindConditions::default();
    calculate_zero_angle_with_conditions(black_box(inputs(0.0)), ZERO_RANGE, target, wind, air()).expect("a zero")
}

fn monte_carlo(shots: usize) {
    let plan = MonteCarloParams {
        num_simulations: shots,
        velocity_std_dev: 3.048,
        angle_std_dev: 1e-4,
        bc_std_dev: 0.002_43,
        wind_speed_std_dev: 0.894,
        target_distance: Some(914.4),
        base_wind_speed: 0.0,
        base_wind_direction: 0.0,
        azimuth_std_dev: 1e-4,
    };
    black_box(run_monte_carlo(inputs(0.001_166_380_29), plan).expect("shots"));
}

/// Drop in inches at ten ranges with the reference elevation, then the elevation that its own zero search finds.
fn rows() {
    let drops = trajectory(0.001_166_380_29);
    println!("{drops:?} {}", zero() * 1e3);
}
