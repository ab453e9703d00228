#!/usr/bin/env python3
"""Computes `delays.csv` of one day from the flights, independently of the plugin.

usage: check_delays.py FLIGHTS.csv DATE            prints it
       check_delays.py FLIGHTS.csv DATE DELAYS.csv compares, and exits with 1 where they differ
"""
import csv
import math
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

HEADER = ["carrier", "name", "flights", "cancelled", "mean_dep_delay", "median_dep_delay", "p95_dep_delay", "on_time_share"]


def two(value):
    """Two decimals of the nearest double, as Rust's `{:.2}` writes it."""
    exact = Decimal(float(value))
    return str(exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))


def delays(flights, date):
    with open(Path(__file__).parent.parent / "data" / "airlines.csv", newline="") as file:
        names = {row["carrier"]: row["name"] for row in csv.DictReader(file)}
    carriers = {}
    with open(flights, newline="") as file:
        for row in csv.DictReader(file):
            if f"{int(row['year']):04}-{int(row['month']):02}-{int(row['day']):02}" == date:
                carriers.setdefault(row["carrier"], []).append(row)
    lines = [",".join(HEADER)]
    for code in sorted(carriers):
        rows = carriers[code]
        late = sorted(int(row["dep_delay"]) for row in rows if row["dep_time"] != "NA")
        n = len(late)
        figures = [""] * 4
        if n:
            middle = late[(n - 1) // 2 : n // 2 + 1]
            p95 = late[math.ceil(Fraction(95, 100) * n) - 1]
            on_time = sum(minutes <= 15 for minutes in late)
            figures = [two(Fraction(sum(late), n)), two(Fraction(sum(middle), len(middle))), two(p95), two(Fraction(on_time, n))]
        lines.append(",".join([code, names.get(code, code), str(len(rows)), str(len(rows) - n), *figures]))
    return "\n".join(lines) + "\n"


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    due = delays(arguments[0], arguments[1])
    if len(arguments) == 2:
        print(due, end="")
    elif Path(arguments[2]).read_text() != due:
        sys.exit(f"{arguments[2]} differs from what the flights give:\n{due}")


if __name__ == "__main__":
    main(sys.argv[1:])
