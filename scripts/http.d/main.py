"""Runs the parts that are named, one after the other, and ends with 1 when anything does not hold for evenkeel."""

import importlib
import pathlib
import sys
import time

from kit import Report


def main(home, names, parts):
    report, began = Report([name for name in names.split(",") if name], pathlib.Path(home)), time.monotonic()
    for part in parts:
        print(part, flush=True)
        importlib.import_module(part).run(report)
    took = time.monotonic() - began
    print(f"HTTP from outside, in {took:.0f} s: {report.held} hold, {report.failed} do not", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
