"""Vectors of voices by resemblyzer, of the recordings of the assets, and clusters of random vectors by scipy."""

import pathlib
import sys
import types

import numpy as np
import scipy.ndimage
import soundfile
from safetensors.numpy import save_file
from scipy.cluster.hierarchy import linkage

# The package imports two things that its embeddings do not need, from places where they no longer are.
sys.modules["scipy.ndimage.morphology"] = types.SimpleNamespace(binary_dilation=scipy.ndimage.binary_dilation)
sys.modules["webrtcvad"] = types.SimpleNamespace()

from resemblyzer import VoiceEncoder, normalize_volume  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
FILES = [
    ("librivox", "sense_and_sensibility_01_austen_64kb-0870.wav"),
    ("librivox", "sense_and_sensibility_01_austen_64kb-0880.wav"),
    ("speech", "en_counting.wav"),
    ("speech", "en_hello_world.wav"),
    ("speech", "fr_pangrama.wav"),
]


def main():
    encoder = VoiceEncoder("cpu", verbose=False, weights_fpath=ASSETS / "resemblyzer/resemblyzer-pretrained.pt")
    found = {}
    for group, file in FILES:
        samples, rate = soundfile.read(ASSETS / group / file, dtype="float32")
        assert rate == 16000 and samples.ndim == 1
        whole, parts, _ = encoder.embed_utterance(samples, return_partials=True)
        found[f"whole/{group}/{file}"] = whole.astype(np.float32)
        found[f"first/{group}/{file}"] = parts[0].astype(np.float32)
        found[f"last/{group}/{file}"] = parts[-1].astype(np.float32)
    quiet = samples / 50
    found["quiet"] = encoder.embed_utterance(normalize_volume(quiet, -30, increase_only=True)).astype(np.float32)

    generator = np.random.default_rng(3)
    centres = generator.normal(size=(4, 16))
    vectors = centres[generator.integers(0, 4, 60)] + 0.6 * generator.normal(size=(60, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    merges = linkage(vectors.astype(np.float64), "average", metric="cosine")
    found["vectors"] = vectors
    found["merges"] = np.ascontiguousarray(merges[:, [0, 1, 3]].astype(np.int32))
    found["distances"] = merges[:, 2].astype(np.float32)
    save_file(found, ROOT / "crates/mlx-audio/tests/golden/speaker.safetensors")


if __name__ == "__main__":
    main()
