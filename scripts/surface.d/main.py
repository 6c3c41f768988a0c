"""Runs the parts that are named, one after the other, and ends with 1 when anything does not hold."""

import importlib
import sys
import time

from kit import Checks


def main(parts):
    checks, began = Checks(), time.monotonic()
    for part in parts:
        print(part, flush=True)
        importlib.import_module(part).run(checks)
    took = time.monotonic() - began
    print(f"the admin surface, in {took:.0f} s: {checks.passed} hold, {checks.failed} do not", flush=True)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
