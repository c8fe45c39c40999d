"""The other peer's side of compare.py: py_ballisticcalc with the same shot. Run by the script in its own venv.

    python_peer.py            prints, for each compiled engine, microseconds of a fire and of a zero (CPU, medians)
"""
import statistics
import time

from py_ballisticcalc import Ammo, Atmo, Calculator, Distance, DragModel, Shot, TableG7, Velocity, Weapon
from py_ballisticcalc import Pressure, Temperature

ENGINES = ["rk4", "rkck", "dopri", "tsitouras", "verlet"]


def shot():
    drag = DragModel(0.243, TableG7, 175, 0.308, 1.24)
    ammo = Ammo(drag, Velocity.FPS(2600))
    air = Atmo(Distance.Foot(0), Pressure.hPa(1013.25), Temperature.Celsius(15), 0)
    return Shot(ammo=ammo, atmo=air, weapon=Weapon(Distance.Inch(1.5), Distance.Inch(10)))


def cpu_microseconds(work, count):
    samples = []
    for _ in range(9):
        start = time.process_time()
        for _ in range(count):
            work()
        samples.append((time.process_time() - start) / count * 1e6)
    return statistics.median(samples)


def main():
    for name in ENGINES:
        calculator = Calculator(engine=f"cythonized_{name}_engine")
        one = shot()
        elevation = calculator.set_weapon_zero(one, Distance.Yard(100))
        fire = cpu_microseconds(lambda: calculator.fire(one, Distance.Yard(1000), Distance.Yard(100)), 200)
        zero = cpu_microseconds(lambda: calculator.barrel_elevation_for_target(one, Distance.Yard(100)), 200)
        last = calculator.fire(one, Distance.Yard(1000), Distance.Yard(100)).trajectory[-1]
        drop = last.height >> Distance.Inch
        print(name, fire, zero, elevation >> elevation.MRad, drop)


main()
