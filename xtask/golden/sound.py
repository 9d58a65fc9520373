"""Front ends of sound by openai-whisper, librosa and torchaudio, resampling by scipy, files by libsndfile and ffmpeg."""

import fractions
import math
import pathlib

import av
import librosa
import numpy as np
import scipy.signal
import soundfile
import torch

# torchaudio wants to be built for the same CUDA, which nothing here uses.
torch.version.cuda = None
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


def coarse(frames, seed):
    """Stereo sound whose samples fit into 8 bits."""
    draw = np.random.default_rng(seed)
    return draw.integers(-128, 128, (frames, 2)).astype(np.float32) / 128


LOSSLESS = {
    "u8.wav": "PCM_U8",
    "i16.wav": "PCM_16",
    "i24.wav": "PCM_24",
    "i32.wav": "PCM_32",
    "f32.wav": "FLOAT",
    "f64.wav": "DOUBLE",
    "i16.aiff": "PCM_16",
    "i24.aiff": "PCM_24",
    "i16.caf": "PCM_16",
    "i16.flac": "PCM_16",
    "i24.flac": "PCM_24",
}
COMPANDED = {"alaw.wav": "ALAW", "ulaw.wav": "ULAW"}
# File, encoder, its sample format, rate.
ENCODED = [
    ("mp3.mp3", "libmp3lame", "fltp", 16_000),
    ("opus.ogg", "libopus", "flt", 48_000),
    ("speech.opus", "libopus", "flt", 16_000),
    ("opus.webm", "libopus", "flt", 48_000),
    ("aac.m4a", "aac", "fltp", 16_000),
    ("aac.aac", "aac", "fltp", 16_000),
    ("alac.m4a", "alac", "s16p", 16_000),
    ("flac.ogg", "flac", "s16", 16_000),
    ("flac.mka", "flac", "s16", 16_000),
]


def encode(path, codec, kind, rate, samples, options=None):
    """Sound of one channel by one of ffmpeg's encoders."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate, layout="mono", options=options or {})
        stream.codec_context.format = kind
        values = samples if kind.startswith("f") else np.round(samples * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(values[None], format=kind, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, fractions.Fraction(1, rate)
        for part in [frame, None]:
            file.mux(stream.encode(part))


def decode(path):
    """The first channel of what ffmpeg hears."""
    with av.open(str(path)) as file:
        packets = file.demux(audio=0)
        parts = [frame.to_ndarray() for packet in packets for frame in packet.decode()]
    values = np.concatenate([part[:1] for part in parts], axis=1)[0]
    return values / 32768 if values.dtype == np.int16 else values


def by_libopus(path):
    """As `decode`, but by libopus: ffmpeg's own decoder brings speech to 48 kHz in another way."""
    with av.open(str(path)) as file:
        decoder = av.CodecContext.create("libopus", "r")
        header = file.streams[0].codec_context.extradata
        decoder.extradata, decoder.sample_rate, decoder.layout = header, 48_000, "mono"
        parts = [frame.to_ndarray() for packet in file.demux() if packet.size for frame in decoder.decode(packet)]
    values = np.concatenate([part.reshape(-1) for part in parts])
    return values / 32768 if values.dtype == np.int16 else values


def files():
    folder = FOLDER / "files"
    folder.mkdir(exist_ok=True)
    samples = coarse(300, 11)
    tensors = {"coarse": samples}
    for name, subtype in (LOSSLESS | COMPANDED).items():
        soundfile.write(folder / name, samples, 8000, subtype=subtype)
        if name in COMPANDED:
            tensors[name] = soundfile.read(folder / name, dtype="float32")[0]
    for name, codec, kind, rate in ENCODED:
        options = {"application": "voip", "b": "12000"} if name == "speech.opus" else {}
        encode(folder / name, codec, kind, rate, 0.7 * sound(0.13, rate, seed=12), options)
    soundfile.write(folder / "vorbis.ogg", 0.7 * sound(0.13, seed=12), RATE, format="OGG", subtype="VORBIS")
    with av.open(str(folder / "vorbis.ogg")) as old, av.open(str(folder / "vorbis.mka"), "w") as new:
        stream = new.add_stream_from_template(old.streams[0])
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    for name in [name for name, *_ in ENCODED] + ["vorbis.mka"]:
        tensors[name] = decode(folder / name)
    # Here ffmpeg does not leave out what is behind the end.
    tensors["vorbis.ogg"] = soundfile.read(folder / "vorbis.ogg", dtype="float32")[0]
    tensors["speech.opus"] = by_libopus(folder / "speech.opus")[: 3 * 2080]
    tensors["aac.m4a"] = tensors["aac.m4a"][:2080]
    # The rest of what is long is only counted.
    save({name: values[:2400] for name, values in tensors.items()}, "files")


def save(tensors, name):
    arrays = {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in tensors.items()}
    save_file(arrays, FOLDER / f"{name}.safetensors")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    front_end()
    spectra()
    features()
    resampling()
    files()
