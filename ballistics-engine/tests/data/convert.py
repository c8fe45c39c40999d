#!/usr/bin/env python3
"""Turns reference-cases.json into reference-cases.txt, which the tests read without a JSON parser.

    python3 convert.py reference-cases.json > reference-cases.txt

One `key value` a line, a case from its `case` line to the next one. Units are in the keys.
"""
import json
import sys

ROW = ["range_yd", "time_s", "drop_in", "windage_in", "velocity_fps", "mach", "energy_ftlb", "drop_mrad", "drop_moa",
       "windage_mrad"]


def lines(case):
    yield "case " + case["id"]
    for key, value in case["inputs"].items():
        if key == "ranges_yd":
            continue
        if key == "wind":
            for segment in value:
                until = segment.get("until_yd", "-")
                yield f"wind {segment['speed_mph']} {segment['from_deg']} {segment.get('vertical_mph', 0)} {until}"
        elif isinstance(value, list):
            for pair in value:
                yield f"{key} {pair[0]} {pair[1]}"
        else:
            yield f"{key} {str(value).lower() if isinstance(value, bool) else value}"
    for key, value in case["derived"].items():
        yield f"expect_{key} {value}"
    for key, value in case["tolerance"].items():
        yield f"tolerance_{key} {value}"
    for row in case["expected"]:
        yield "row " + " ".join(str(row[key]) for key in ROW)
    yield ""


def main():
    with open(sys.argv[1]) as file:
        cases = json.load(file)["cases"]
    print("# Made by convert.py. A row is: " + " ".join(ROW))
    print("# wind is: speed_mph from_deg vertical_mph until_yd\n")
    for case in cases:
        print("\n".join(lines(case)))


main()
