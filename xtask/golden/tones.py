"""Sounds that models of speech hear."""

import numpy as np

RATE = 16000

# The samples of two sounds, and where in the tones they begin.
SPANS = [(20_000, 0), (31_337, 5000)]


def sound(samples, first=0):
    """Tones that rise, grow and beat."""
    time = (first + np.arange(samples)) / RATE
    rising = 0.3 * np.sin(2 * np.pi * (200 + 300 * time) * time)
    growing = 0.1 * time * np.sin(2 * np.pi * 1250 * time)
    beating = 0.2 * np.sin(2 * np.pi * 3 * time) * np.sin(2 * np.pi * 2700 * time)
    return (rising + growing + beating).astype(np.float32)
