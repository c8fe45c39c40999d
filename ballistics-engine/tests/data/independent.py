#!/usr/bin/env python3
"""Computes independent-cases.txt: what the engine should find, by other means.

    pip install numpy scipy
    python3 independent.py > independent-cases.txt

SciPy's PCHIP over the engine's drag tables, DOP853 at a relative tolerance of 1e-11, Brent's method for the zero; the
formulas are those that the crate's documentation cites. Nothing else is shared with the engine. The file has the form
that convert.py describes.
"""
import math
import pathlib
import re

import numpy
from scipy.integrate import solve_ivp
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

YARD, FOOT, INCH, MPH, GRAIN, INHG = 0.9144, 0.3048, 0.0254, 0.44704, 6.479891e-5, 3386.389
GRAVITY, LAPSE, EARTH = 9.80665, 0.0065, 7.2921159e-5
TABLES = (pathlib.Path(__file__).parents[2] / "src/drag/tables.rs").read_text()


def drag(case):
    points = case.get("drag_curve") or [
        (float(m), float(c)) for m, c in re.findall(
            r"\((\S+), (\S+)\)", re.search(rf"const {case['drag_model']}:.*?\];", TABLES, re.S)[0].split("= &[")[1])]
    mach, cd = map(numpy.array, zip(*points))
    curve = PchipInterpolator(mach, cd)
    return lambda m: float(curve(min(max(m, mach[0]), mach[-1])))


def air(case):
    """Kelvins, pascals, density (CIPM-2007), speed of sound."""
    altitude = case["altitude_ft"] * FOOT
    t = (case["temperature_f"] + 459.67) / 1.8 if "temperature_f" in case else 288.15 - LAPSE * altitude
    p = case["pressure_inhg"] * INHG if "pressure_inhg" in case else 101325 * (1 - LAPSE * altitude / 288.15) ** 5.255876
    c = t - 273.15
    saturation = math.exp(1.2378847e-5 * t * t - 1.9121316e-2 * t + 33.93711047 - 6343.1645 / t)
    x = case["humidity_pct"] / 100 * (1.00062 + 3.14e-8 * p + 5.6e-7 * c * c) * saturation / p
    z = 1 - p / t * (1.58123e-6 - 2.9331e-8 * c + 1.1043e-10 * c * c + (5.707e-6 - 2.051e-8 * c) * x
                     + (1.9898e-4 - 2.376e-6 * c) * x * x) + (p / t) ** 2 * (1.83e-11 - 0.765e-8 * x * x)
    dry, wet, gas = 28.96546e-3, 18.01528e-3, 8.314472
    density = p * dry / (z * gas * t) * (1 - x * (1 - wet / dry))
    return t, p, density, math.sqrt((7 + x) / (5 + x) * gas * t / (dry * (1 - x) + wet * x))


class Simulation:
    def __init__(self, case):
        self.case, self.cd = case, drag(case)
        self.t, self.p, self.density, self.sound = air(case)
        gain = case.get("powder_temp_sens_fps_per_f", 0)
        fps = case["muzzle_velocity_fps"] + gain * (case.get("powder_temp_f", 0) - case.get("powder_ref_temp_f", 0))
        self.velocity, self.hand = fps * FOOT, math.copysign(1, case["twist_in"])
        d = case["diameter_in"]
        self.length, turn = case["length_in"] / d, abs(case["twist_in"]) / d
        self.stability = (30 * case["weight_gr"] / (turn ** 2 * d ** 3 * self.length * (1 + self.length ** 2))
                          * (fps / 2800) ** (1 / 3) * (self.t * 1.8 / 518.67) * (29.92126 / (self.p / INHG)))

    def coefficient(self, mach, speed):
        case = self.case
        if "bc" in case:
            return case["bc"]
        if "bc_by_mach" in case:
            return float(numpy.interp(mach, *zip(*case["bc_by_mach"])))
        if "bc_by_velocity_fps" in case:
            return next(bc for limit, bc in case["bc_by_velocity_fps"] if speed >= limit * FOOT)
        return case["weight_gr"] / 7000 / case["diameter_in"] ** 2

    def fly(self, elevation, ranges, conditions):
        """States at ranges in meters: velocity (along, up, right), height, offset, time."""
        case = conditions
        look, cant = (math.radians(case.get(key, 0)) for key in ("look_angle_deg", "cant_deg"))
        tilt = numpy.array([[math.cos(look), math.sin(look), 0], [-math.sin(look), math.cos(look), 0], [0, 0, 1]])
        latitude, azimuth = (math.radians(case.get(key, 0)) for key in ("latitude_deg", "azimuth_deg"))
        earth = EARTH * ("latitude_deg" in case) * numpy.array(
            [math.cos(latitude) * math.cos(azimuth), math.sin(latitude), -math.cos(latitude) * math.sin(azimuth)])
        spin, gravity, winds = tilt @ earth, tilt @ [0, -GRAVITY, 0], []
        for mph, degrees, up, until in case.get("wind", []):
            blows = [-mph * math.cos(math.radians(degrees)), up, -mph * math.sin(math.radians(degrees))]
            winds.append((math.inf if until == "-" else until * YARD, tilt @ numpy.array(blows) * MPH))
        winds.append((math.inf, numpy.zeros(3)))

        def slope(x, y, wind):
            through = y[:3] - wind
            speed = math.sqrt(through @ through)
            ratio = 1 - LAPSE * (x * math.sin(look) + y[3] * math.cos(look)) / self.t
            mach = speed / (self.sound * math.sqrt(ratio))
            factor = math.pi / 8 / 703.06957964 * self.density * ratio ** 4.255876 / self.coefficient(mach, speed)
            force = gravity - factor * self.cd(mach) * speed * through - 2 * numpy.cross(spin, y[:3])
            return numpy.concatenate([force, [y[1], y[2], 1]]) / y[0]

        if case.get("aero_jump"):
            moa = self.hand * (0.01 * self.stability - 0.0024 * self.length + 0.032) * -winds[0][1][2] / MPH
            elevation += math.radians(moa / 60)
        up, side = numpy.array([math.cos(cant), math.sin(cant)]) * self.velocity * math.sin(elevation)
        sight = -self.case["sight_height_in"] * INCH
        y = numpy.array([self.velocity * math.cos(elevation), up, side, sight * math.cos(cant), sight * math.sin(cant), 0])
        x, states = 0.0, []
        for stop in sorted({*ranges, *(until for until, _ in winds if until < ranges[-1])}):
            wind = next(wind for until, wind in winds if until > x + 1e-9)
            while x < stop:
                # A step of the coefficient ends an integration, and a nudge takes the state across it.
                edges = [self.edge(limit, wind) for limit, _ in self.case.get("bc_by_velocity_fps", [])]
                part = solve_ivp(slope, (x, stop), y, "DOP853", args=(wind,), rtol=1e-11, atol=1e-13, max_step=20,
                                 events=edges or None)
                x, y = part.t[-1], part.y[:, -1]
                if part.status == 1:
                    x, y = x + 1e-7, y + 1e-7 * slope(x, y, wind)
            x = stop
            if stop in ranges:
                states.append(y)
        return states

    @staticmethod
    def edge(limit, wind):
        def excess(x, y, _):
            return math.sqrt(((y[:3] - wind) ** 2).sum()) - limit * FOOT
        excess.terminal, excess.direction = True, -1
        return excess

    def lines(self):
        case, ranges = self.case, [yards * YARD for yards in self.case["ranges_yd"]]
        zero = case.get("zero_angle_mrad", 0) / 1000 or brentq(
            lambda elevation: self.fly(elevation, [case["zero_range_yd"] * YARD], {})[0][3], -0.02, 0.05, xtol=1e-15)
        for key, value in case.items():
            for words in value if key in ("wind", "bc_by_mach", "bc_by_velocity_fps", "drag_curve") else [(value,)]:
                if key != "ranges_yd":
                    yield " ".join([key, *(str(word).lower() if isinstance(word, bool) else str(word) for word in words)])
        for key, value in [("zero_elevation_mrad", zero * 1e3), ("density_kg_m3", self.density),
                           ("density_ratio", self.density / 1.225), ("sound_speed_mps", self.sound), ("sg", self.stability)]:
            yield f"expect_{key} {value:.10g}"
        for x, (vx, vy, vz, drop, side, time) in zip(ranges, self.fly(zero, ranges, case)):
            look = math.radians(case.get("look_angle_deg", 0))
            if case.get("spin_drift"):
                side += self.hand * 1.25 * (self.stability + 1.2) * time ** 1.83 * INCH
            speed = math.sqrt(vx * vx + vy * vy + vz * vz)
            ratio = 1 - LAPSE * (x * math.sin(look) + drop * math.cos(look)) / self.t
            row = [x / YARD, time, drop / INCH, side / INCH, speed / FOOT, speed / (self.sound * math.sqrt(ratio)),
                   0.5 * case["weight_gr"] * GRAIN * speed * speed / 1.3558179483314, math.atan2(drop, x) * 1e3,
                   math.degrees(math.atan2(drop, x)) * 60, math.atan2(side, x) * 1e3]
            yield "row " + " ".join(f"{value:.11g}" for value in row)


def case(name, velocity, bullet, **more):
    weight, diameter, length, twist = bullet
    return name, dict(muzzle_velocity_fps=velocity, weight_gr=weight, diameter_in=diameter, length_in=length,
                      twist_in=twist, **{"altitude_ft": 0, "humidity_pct": 0, "sight_height_in": 1.5,
                                         "ranges_yd": [250, 500, 750, 1000], **more})


HUNTER, MATCH, VARMINT = (150, 0.308, 1.12, -12.0), (140, 0.264, 1.35, 8.0), (55, 0.224, 0.74, -9.0)
LONG, PISTOL = (300, 0.338, 1.8, 9.3), (230, 0.452, 0.68, 16.0)
CASES = [
    case("left_twist_drift_jump", 2820, HUNTER, drag_model="G1", bc=0.415, zero_range_yd=200, spin_drift=True,
         aero_jump=True, wind=[(14, 75, 0, "-")], temperature_f=41.5, pressure_inhg=28.4, humidity_pct=64),
    case("negative_cant", 2750, MATCH, drag_model="G7", bc=0.311, zero_range_yd=100, cant_deg=-17.5, sight_height_in=2.2),
    case("cant_jump_and_quartering_wind", 2650, MATCH, drag_model="G7", bc=0.305, zero_range_yd=300, cant_deg=12,
         aero_jump=True, wind=[(11, 215, 1.5, 400), (6, 300, -2, "-")], altitude_ft=3100),
    case("bands_on_the_way_through_sound", 2480, HUNTER, drag_model="G1", zero_range_yd=100,
         bc_by_velocity_fps=[[2200, 0.37], [1700, 0.352], [1150, 0.341], [0, 0.32]], temperature_f=12, humidity_pct=30),
    case("coefficients_by_mach", 3150, VARMINT, drag_model="G7", zero_range_yd=200,
         bc_by_mach=[[0.8, 0.11], [1.2, 0.118], [2.0, 0.124], [2.7, 0.127]], ranges_yd=[100, 250, 400, 600]),
    case("own_curve_downhill", 2900, MATCH, zero_range_yd=100, look_angle_deg=-33, altitude_ft=6200,
         drag_curve=[[0, 0.13], [0.77, 0.128], [0.913, 0.16], [0.987, 0.29], [1.061, 0.36], [1.31, 0.345], [1.83, 0.27],
                     [2.7, 0.21], [4.2, 0.17]]),
    case("two_thousand_yards", 2780, LONG, drag_model="G7", bc=0.388, zero_range_yd=100, spin_drift=True,
         latitude_deg=-37.5, azimuth_deg=140, wind=[(8, 100, 0, 900), (13, 60, 0, "-")],
         ranges_yd=[500, 1000, 1500, 2000]),
    case("fast_and_light_in_thin_air", 3950, VARMINT, drag_model="G6", bc=0.27, zero_range_yd=300, altitude_ft=8700,
         temperature_f=88, pressure_inhg=21.9),
    case("subsonic_from_the_muzzle", 1040, LONG, drag_model="G1", bc=0.7, zero_range_yd=50, humidity_pct=95,
         temperature_f=93, ranges_yd=[50, 150, 300, 450]),
    case("round_ball", 1500, PISTOL, drag_model="GS", bc=0.075, zero_range_yd=25, wind=[(9, 265, 0, "-")],
         ranges_yd=[25, 75, 125, 200]),
    case("steep_uphill_lobbed", 2100, PISTOL, drag_model="G8", bc=0.22, zero_angle_mrad=11.2, look_angle_deg=52,
         powder_temp_sens_fps_per_f=1.1, powder_temp_f=15, powder_ref_temp_f=70, ranges_yd=[200, 400, 600, 800]),
    case("slow_tailwind_old_function", 1850, LONG, drag_model="RA4", bc=0.33, zero_range_yd=100, temperature_f=-18,
         wind=[(22, 178, 0, 200)], latitude_deg=61, azimuth_deg=275, ranges_yd=[150, 300, 500, 700]),
]


def main():
    print("# Made by independent.py; the form is that of reference-cases.txt.\n")
    for name, inputs in CASES:
        print("case", name)
        print("\n".join(Simulation(inputs).lines()), end="\n\n")


main()
