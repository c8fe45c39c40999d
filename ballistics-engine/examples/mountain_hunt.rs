//! Zeroed at home, fired in the mountains: the elevation found there is kept, the air and the angle change.

use ballistics_engine::{
    AirPressure, Angle, Atmosphere, BallisticCoefficient, DragFunction, Error, Length, Mass,
    Pressure, Shot, Solver, Temperature, Velocity, Zero,
};

fn main() -> Result<(), Error> {
    let home = Shot {
        drag: DragFunction::G7.curve(),
        coefficient: BallisticCoefficient::Constant(0.29),
        mass: Mass::grams(9.1),
        muzzle_velocity: Velocity::mps(870.0),
        sight_height: Length::centimeters(5.0),
        zero: Zero::Range(Length::meters(100.0)),
        ..Shot::default()
    };
    let mountain = Shot {
        zero: Zero::Angle(Solver::new(&home)?.zero_angle()),
        atmosphere: Atmosphere {
            altitude: Length::meters(2_300.0),
            temperature: Some(Temperature::celsius(-5.0)),
            pressure: AirPressure::Station(Pressure::hectopascals(765.0)),
            humidity: 0.4,
        },
        look_angle: Angle::degrees(25.0),
        ..home
    };
    let solver = Solver::new(&mountain)?;
    println!(
        "density altitude {:.0} m",
        solver.air().density_altitude.as_meters()
    );
    for meters in [100.0, 200.0, 300.0, 400.0] {
        let row = solver.row(Length::meters(meters))?;
        println!(
            "{meters:4.0} m  {:7.1} cm  {:6.2} mil",
            row.drop.as_centimeters(),
            row.drop_angle.as_mils()
        );
    }
    Ok(())
}
