"""What Silero VAD hears in the recordings of the assets, and where its package finds speech in probabilities."""

import json
import pathlib
import random

import numpy as np
import onnxruntime
import soundfile
import torch
from torch.nn import functional
from safetensors.numpy import save_file
from safetensors.torch import load_file
from silero_vad.utils_vad import OnnxWrapper, VADIterator, get_speech_timestamps_from_probs

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
FOLDER = ROOT / "crates" / "mlx-audio" / "tests" / "golden"
FILES = [
    ("librivox", "sense_and_sensibility_01_austen_64kb-0870.wav"),
    ("librivox", "sense_and_sensibility_01_austen_64kb-0930.wav"),
    ("speech", "en_counting.wav"),
    ("speech", "fr_pangrama.wav"),
    ("speech", "zh_pangrama.wav"),
]
OPTIONS = [
    {},
    {"threshold": 0.3},
    {"threshold": 0.6, "neg_threshold": 0.2, "min_silence_duration_ms": 0},
    {"min_silence_duration_ms": 500, "speech_pad_ms": 200},
    {"min_speech_duration_ms": 0, "speech_pad_ms": 0, "min_silence_duration_ms": 64},
    {"max_speech_duration_s": 2.0, "min_silence_duration_ms": 2000},
    {"max_speech_duration_s": 1.5, "speech_pad_ms": 77, "min_silence_duration_ms": 300, "min_silence_at_max_speech": 33},
    {"max_speech_duration_s": 0.5, "min_speech_duration_ms": 100},
]


def whole(model, samples, rate=16000):
    """The probability of each window, the last filled up with zeros."""
    return model.audio_forward(torch.from_numpy(samples), rate)[0].numpy()


def of_safetensors(weights, samples):
    """The same network with the weights of the safetensors file, which are others than those of the ONNX file."""
    x = torch.from_numpy(samples)
    x = functional.pad(x, (64, -len(x) % 512))
    hidden = cell = torch.zeros(1, 128)
    out = []
    for at in range(64, len(x), 512):
        y = functional.pad(x[None, None, at - 64 : at + 512], (0, 64), "reflect")
        real, imaginary = functional.conv1d(y, weights["stft_conv.weight"], stride=128).chunk(2, 1)
        y = (real**2 + imaginary**2).sqrt()
        for name, stride in [("conv1", 1), ("conv2", 2), ("conv3", 2), ("conv4", 1)]:
            kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            y = functional.conv1d(y, kernel, bias, stride=stride, padding=1).relu()
        gates = [weights[f"lstm_cell.{name}"] for name in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]]
        hidden, cell = torch.lstm_cell(y[:, :, 0], (hidden, cell), *gates)
        last = functional.conv1d(hidden[:, :, None].relu(), weights["final_conv.weight"], weights["final_conv.bias"])
        out.append(last.sigmoid().item())
    return np.array(out, np.float32)


class Replay:
    """A model that gives what it is told."""

    def __init__(self, probabilities):
        self.probabilities = iter(probabilities)

    def reset_states(self):
        pass

    def __call__(self, chunk, rate):
        return torch.tensor(next(self.probabilities))


def events(probabilities):
    """What the package's iterator says about them with its own options."""
    iterator = VADIterator(Replay(probabilities))
    found = (iterator(torch.zeros(512)) for _ in probabilities)
    return [[name == "start", at] for event in found if event for name, at in event.items()]


def walk(generator, count):
    """Thousandths that wander and stay a while, as probabilities of speech do."""
    value, out = generator.random(), []
    for _ in range(count):
        if generator.random() < 0.06:
            value = generator.random()
        out.append(round(1000 * min(max(value + generator.gauss(0, 0.08), 0), 1)))
    return out


def case(probabilities, length, options, rate=16000):
    singles = [float(np.float32(p / 1000)) for p in probabilities]
    found = get_speech_timestamps_from_probs(
        singles, sampling_rate=rate, audio_length_samples=length, **options
    )
    segments = [[int(speech["start"]), int(speech["end"])] for speech in found]
    return {"rate": rate, "length": length, "options": options, "segments": segments, "probabilities": probabilities}


def main():
    model = OnnxWrapper(str(ASSETS / "silero-vad/silero_vad.onnx"), force_onnx_cpu=True)
    heard, found = {}, []
    weights = load_file(ASSETS / "silero-vad/silero_vad_16k.safetensors")
    for group, file in FILES:
        samples, rate = soundfile.read(ASSETS / group / file, dtype="float32")
        assert rate == 16000 and samples.ndim == 1
        heard[f"{group}/{file}"] = whole(model, samples)
        heard[f"8k/{group}/{file}"] = whole(model, samples[::2].copy(), 8000)
        heard[f"safetensors/{group}/{file}"] = of_safetensors(weights, samples)
        thousandths = [round(1000 * float(p)) for p in heard[f"{group}/{file}"]]
        found += [case(thousandths, len(samples), options) for options in (OPTIONS[0], OPTIONS[5], OPTIONS[6])]
    generator = random.Random(7)
    for options in OPTIONS:
        for rate, window in [(16000, 512), (8000, 256)]:
            count = generator.randrange(150, 250)
            found.append(case(walk(generator, count), count * window - generator.randrange(window), options, rate))
    found += [case([], 0, {}), case([900], 1, {}), case([900] * 40, 40 * 512, {}), case([100] * 40, 40 * 512, {})]
    for one in found:
        one["events"] = events([p / 1000 for p in one["probabilities"]])
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file(heard, FOLDER / "silero.safetensors", {"onnxruntime": onnxruntime.__version__})
    lines = ",\n".join(json.dumps(one) for one in found)
    (FOLDER / "speech_segments.json").write_text(f'{{"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
