//! Where to spend effort: hit probability as each source of error is removed in turn.

use ballistics_engine::{
    Angle, BallisticCoefficient, Deviations, DragFunction, Error, Length, MonteCarlo, Shot, Solver,
    Target, Velocity,
};

fn main() -> Result<(), Error> {
    let shot = Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.315),
        muzzle_velocity: Velocity::fps(2_710.0),
        ..Shot::default()
    };
    let all = Deviations {
        velocity: Velocity::fps(12.0),
        wind_across: Velocity::mph(2.0),
        elevation: Angle::moa(0.3),
        azimuth: Angle::moa(0.3),
        range: Length::yards(8.0),
        ..Deviations::default()
    };
    let solver = Solver::new(&shot)?;
    for (name, deviations) in [
        ("everything varies", all),
        (
            "velocity known",
            Deviations {
                velocity: Velocity::fps(0.0),
                ..all
            },
        ),
        (
            "wind known",
            Deviations {
                wind_across: Velocity::mph(0.0),
                ..all
            },
        ),
        (
            "range known",
            Deviations {
                range: Length::yards(0.0),
                ..all
            },
        ),
    ] {
        let plan = MonteCarlo {
            range: Length::yards(800.0),
            shots: 100_000,
            seed: 1,
            threads: 2,
            deviations,
        };
        let hit = solver
            .monte_carlo(&plan)?
            .hit_probability(Target::Circle(Length::inches(18.0)))?;
        println!(
            "{name:18} {:5.1} %  ({:.1} to {:.1})",
            hit.estimate * 100.0,
            hit.low * 100.0,
            hit.high * 100.0
        );
    }
    Ok(())
}
