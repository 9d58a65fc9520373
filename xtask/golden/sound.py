"""Front ends of sound by openai-whisper, librosa and torchaudio, resampling by scipy."""

import math
import pathlib

import librosa
import numpy as np
import scipy.signal
import torch
import torchaudio
import whisper
from safetensors.numpy import save_file
from torchaudio.compliance import kaldi

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden"
RATE = 16_000
# The numbers of resampy's `kaiser_best`.
ZEROS, ROLLOFF, BETA = 64, 0.9475937167399596, 14.769656459379492


def sound(seconds, rate=RATE, seed=7):
    """Rising tones, noise that comes and goes, and a stretch of silence."""
    draw = np.random.default_rng(seed)
    time = np.arange(int(seconds * rate)) / rate
    tones = sum(np.sin(2 * math.pi * (f * time + 900 * k * time**2)) / (k + 1) for k, f in enumerate([110, 470, 1900]))
    noise = draw.standard_normal(len(time)) * (0.02 + 0.2 * (np.sin(2 * math.pi * 6 * time) > 0.4))
    mixed = 0.3 * tones * np.sin(math.pi * time / seconds) + noise
    mixed[int(0.55 * len(time)) : int(0.7 * len(time))] = 0
    return mixed.astype(np.float32)


def interleaved(values):
    """Complex numbers as pairs, one row a frame."""
    return np.ascontiguousarray(values.T.astype(np.complex64)).view(np.float32)


def front_end():
    samples = sound(0.6)
    tensors = {"sound": samples}
    for mels in [80, 128]:
        tensors[f"whisper.{mels}"] = whisper.log_mel_spectrogram(samples, mels).numpy().T
    save(tensors, "whisper")


def spectra():
    samples = sound(0.15, seed=8)
    tensors = {"sound": samples}
    for n_fft, hop, length, mode in [(64, 16, 64, "reflect"), (60, 25, 40, "constant"), (63, 20, 63, "reflect")]:
        options = {"n_fft": n_fft, "hop_length": hop, "win_length": length, "pad_mode": mode}
        tensors[f"stft.{n_fft}"] = interleaved(librosa.stft(samples[:600].astype(np.float64), **options))
    uncentred = librosa.stft(samples[:600].astype(np.float64), n_fft=64, hop_length=30, center=False)
    tensors["stft.uncentred"] = interleaved(uncentred)
    # What is not the spectra of any sound: the overlap-add has to be the same even there.
    changed = (uncentred := librosa.stft(samples[:600], n_fft=64, hop_length=16)) * np.abs(uncentred)
    tensors["changed"] = interleaved(changed)
    tensors["changed.sound"] = torch.istft(torch.from_numpy(changed), 64, 16, window=torch.hann_window(64), length=600).numpy()
    for name, options in BANKS.items():
        tensors[f"mel.{name}"] = librosa.filters.mel(dtype=np.float64, **options)
    for name in ["hann", "hamming", "blackman", "bartlett"]:
        for odd in [10, 11]:
            tensors[f"window.{name}.{odd}"] = scipy.signal.get_window(name, odd)
            tensors[f"window.{name}.{odd}.symmetric"] = scipy.signal.get_window(name, odd, fftbins=False)
    save(tensors, "spectra")


BANKS = {
    "slaney": {"sr": 16000, "n_fft": 200, "n_mels": 16},
    "narrow": {"sr": 22050, "n_fft": 256, "n_mels": 20, "fmin": 80, "fmax": 7600},
    "htk": {"sr": 16000, "n_fft": 200, "n_mels": 16, "htk": True, "norm": None},
    "htk-even": {"sr": 8000, "n_fft": 128, "n_mels": 12, "htk": True, "fmin": 20},
}


def features():
    samples = sound(0.3, seed=9)
    wave = torch.from_numpy(samples)[None]
    options = {"num_mel_bins": 24, "dither": 0.0, "sample_frequency": RATE}
    tensors = {
        "sound": samples,
        "fbank": kaldi.fbank(wave, **options).numpy(),
        "fbank.hamming": kaldi.fbank(wave * 32768, window_type="hamming", high_freq=-400, **options).numpy(),
        "fbank.edges": kaldi.fbank(wave, snip_edges=False, preemphasis_coefficient=0.9, **options).numpy(),
        "fbank.linear": kaldi.fbank(wave, use_power=False, use_log_fbank=False, frame_length=20.0, **options).numpy(),
        "mfcc": librosa.feature.mfcc(y=samples, sr=RATE).T,
        "mfcc.narrow": librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=13, n_fft=400, hop_length=160, n_mels=40).T,
        "preemphasis": torchaudio.functional.preemphasis(torch.from_numpy(samples[:500].copy()), 0.97).numpy(),
    }
    save(tensors, "features")


def resampled(samples, old, new):
    """By an FIR that reaches 64 zero crossings of the lower rate's sinc, as resampy's `kaiser_best` does."""
    common = math.gcd(old, new)
    up, down = new // common, old // common
    step = max(up, down)
    time = np.arange(-ZEROS * step, ZEROS * step + 1) / step
    window = np.i0(BETA * np.sqrt(1 - (time / ZEROS) ** 2)) / np.i0(BETA)
    fir = ROLLOFF * np.sinc(ROLLOFF * time) * window * min(1, up / down)
    # Scipy multiplies the filter by `up`.
    return scipy.signal.resample_poly(samples.astype(np.float64), up, down, window=fir / up)


RATES = [(48000, 16000), (44100, 16000), (16000, 24000), (8000, 16000), (22050, 16000), (16000, 44100), (44101, 16000)]


def resampling():
    tensors = {}
    for old, new in RATES:
        tensors[f"{old}"] = sound(0.02, old, seed=old)
        tensors[f"{old}.{new}"] = resampled(tensors[f"{old}"], old, new).astype(np.float32)
    save(tensors, "resample")


def save(tensors, name):
    arrays = {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in tensors.items()}
    save_file(arrays, FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    front_end()
    spectra()
    features()
    resampling()
