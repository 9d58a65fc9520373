"""Runs a topic with other random numbers, into another folder: `parity.py TOPIC FOLDER SHIFT`."""

import pathlib
import runpy
import sys

import fixture
import numpy as np


def main():
    topic, folder, shift = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])

    class Shifted(np.random.RandomState):
        def __init__(self, seed):
            super().__init__((seed + shift) % 2**32)

    np.random.RandomState = Shifted
    fixture.golden = lambda crate: folder
    runpy.run_path(str(pathlib.Path(__file__).with_name(f"{topic}.py")), run_name="__main__")


if __name__ == "__main__":
    main()
