"""Runs the parts that are named, one after the other, and ends with 1 when anything does not hold for evenkeel."""

import pathlib
import sys

from kit import Report
from parts import run

if __name__ == "__main__":
    home, names, *parts = sys.argv[1:]
    report = Report([name for name in names.split(",") if name], pathlib.Path(home))
    sys.exit(run("HTTP from outside", parts, report))
