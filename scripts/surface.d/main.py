"""Runs the parts that are named, one after the other, and ends with 1 when anything does not hold."""

import sys

from kit import Checks
from parts import run

if __name__ == "__main__":
    sys.exit(run("the admin surface", sys.argv[1:], Checks()))
