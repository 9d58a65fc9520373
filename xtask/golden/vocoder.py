"""Tiny random Vocos models, and what their own package, `vocos` 0.1.0, makes of some audio with them, in float32."""

import sys
import types

import numpy as np
import torch

# torchaudio wants to be built for the same CUDA, and the package an EnCodec that it would fetch; nothing here uses them.
torch.version.cuda = None
sys.modules.setdefault("encodec", types.SimpleNamespace(EncodecModel=None))
from codec import FOLDER, RATE, shake, sound
from safetensors.numpy import save_file
from vocos.feature_extractors import MelSpectrogramFeatures
from vocos.heads import ISTFTHead
from vocos.models import VocosBackbone

LENGTHS = [70, 173, 400]
DIM = 12
BACKBONE = {"dim": DIM, "intermediate_dim": 20, "num_layers": 2}
# The codes of a codebook, of both published EnCodecs.
CODES = 1024


def vocos(name, features, backbone, head, seed):
    """A model by the fields of its config, of which the features may have no class of their own."""
    parts = {
        "backbone": VocosBackbone(**backbone["init_args"]),
        "head": ISTFTHead(**head["init_args"]),
    }
    if features["class_path"].endswith("MelSpectrogramFeatures"):
        parts["feature_extractor"] = MelSpectrogramFeatures(**features["init_args"])
    model = torch.nn.ModuleDict(parts)
    kept = {key: value.clone() for key, value in model.state_dict().items() if key.endswith(("window", "fb"))}
    shake(model, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith("gamma"):
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
            elif key.endswith("scale.weight"):
                value.copy_(1 + 0.5 * torch.randn(value.shape, generator=generator))
            elif key in kept:
                value.copy_(kept[key])
        # Some magnitudes are cut off.
        model["head"].out.bias[3] += 4.0
    return model


def class_of(path, **fields):
    return {"class_path": f"vocos.{path}", "init_args": fields}


def save(name, config, state, expected):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for part, fields in config.items():
        lines += [f"{part}:", f"  class_path: {fields['class_path']}", "  init_args:"]
        lines += [f"    {key}: {value}" for key, value in fields["init_args"].items()] + [""]
    (folder / "config.yaml").write_text("\n".join(lines))
    arrays = {key: np.ascontiguousarray(value.detach().numpy()) for key, value in sorted(state.items())}
    save_file(arrays, folder / "model.safetensors")
    save_file({key: np.ascontiguousarray(value) for key, value in expected.items()}, folder / "expected.safetensors")


def of_mel(name, hop, padding, seed):
    mels, n_fft = 8, 64
    spectral = {"n_fft": n_fft, "hop_length": hop, "padding": padding}
    config = {
        "feature_extractor": class_of("feature_extractors.MelSpectrogramFeatures", sample_rate=RATE, n_mels=mels, **spectral),
        "backbone": class_of("models.VocosBackbone", input_channels=mels, **BACKBONE),
        "head": class_of("heads.ISTFTHead", dim=DIM, **spectral),
    }
    model = vocos(name, config["feature_extractor"], config["backbone"], config["head"], seed)
    expected = {}
    for at, length in enumerate(LENGTHS):
        audio = sound(length, 1, at)
        with torch.no_grad():
            mel = model["feature_extractor"](audio)
            decoded = model["head"](model["backbone"](mel))
        expected |= {f"audio.{at}": audio[0].numpy(), f"mel.{at}": mel[0].T.numpy(), f"decoded.{at}": decoded[0].numpy()}
    save(name, config, model.state_dict(), expected)


def of_codes(name, seed):
    width, bandwidths = 4, [0.75, 1.5]
    config = {
        "feature_extractor": class_of("feature_extractors.EncodecFeatures", encodec_model="encodec_24khz", bandwidths=bandwidths),
        "backbone": class_of("models.VocosBackbone", input_channels=width, **BACKBONE, adanorm_num_embeddings=2),
        "head": class_of("heads.ISTFTHead", dim=DIM, n_fft=24, hop_length=6, padding="same"),
    }
    model = vocos(name, config["feature_extractor"], config["backbone"], config["head"], seed)
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn((2 * CODES, width), generator=generator)
    expected = {}
    for bandwidth in range(2):
        codes = torch.randint(0, CODES, (bandwidth + 1, 9), generator=generator)
        with torch.no_grad():
            features = sum(table[row + book * CODES] for book, row in enumerate(codes)).T[None]
            chosen = torch.tensor([bandwidth])
            decoded = model["head"](model["backbone"](features, bandwidth_id=chosen))
        expected |= {f"codes.{bandwidth}": codes.int().numpy(), f"decoded.{bandwidth}": decoded[0].numpy()}
    save(name, config, model.state_dict() | {"feature_extractor.codebook_weights": table}, expected)


if __name__ == "__main__":
    of_mel("vocos", 16, "center", 6)
    of_mel("vocos-same", 20, "same", 7)
    of_codes("vocos-encodec", 8)
