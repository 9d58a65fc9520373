"""Tiny random Parakeets in the words of NeMo, and what mlx-audio makes of tones with them."""

import json

import mlx.core as mx
import numpy as np
from fixture import golden, write_tensors
from mlx.utils import tree_flatten, tree_unflatten
from mlx_audio.stt.models.parakeet import parakeet
from tones import RATE, SPANS, sound

FOLDER = golden("mlx-audio") / "recognizer"
PIECES = ["<unk>", "▁", "▁the", "s", "▁a", "in", ".", "▁of", "e", "<|en|>", "t"]
PREPROCESSOR = {
    "sample_rate": RATE,
    "normalize": "per_feature",
    "window_size": 0.025,
    "window_stride": 0.01,
    "window": "hann",
    "features": 80,
    "n_fft": 512,
    "dither": 1e-5,
    "pad_to": 0,
}
ENCODER = {
    "feat_in": 80,
    "n_layers": 2,
    "d_model": 16,
    "n_heads": 2,
    "ff_expansion_factor": 2,
    "subsampling_factor": 8,
    "self_attention_model": "rel_pos",
    "subsampling": "dw_striding",
    "conv_kernel_size": 5,
    "subsampling_conv_channels": 6,
    "pos_emb_max_len": 5000,
    "use_bias": False,
    "xscaling": False,
}
TRANSDUCER = {
    "decoder": {
        "blank_as_pad": True,
        "vocab_size": len(PIECES),
        "prednet": {"pred_hidden": 10, "pred_rnn_layers": 2},
    },
    "joint": {
        "num_classes": len(PIECES),
        "vocabulary": PIECES,
        "jointnet": {"joint_hidden": 12, "activation": "relu", "encoder_hidden": 16, "pred_hidden": 10},
    },
    "decoding": {"greedy": {"max_symbols": 3}},
}
MODELS = "nemo.collections.asr.models."
RNNT = TRANSDUCER | {"target": MODELS + "rnnt_bpe_models.EncDecRNNTBPEModel", "model_defaults": {}}
DURATIONS = [0, 1, 2, 4]
TDT = TRANSDUCER | {
    "target": MODELS + "rnnt_bpe_models.EncDecRNNTBPEModel",
    "model_defaults": {"tdt_durations": DURATIONS},
    "joint": TRANSDUCER["joint"] | {"num_extra_outputs": len(DURATIONS)},
    "decoding": {"model_type": "tdt", "durations": DURATIONS, "greedy": {"max_symbols": 2}},
}
HEAD = {"feat_in": 16, "num_classes": len(PIECES), "vocabulary": PIECES}
HYBRID = TDT | {
    "target": MODELS + "hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel",
    "aux_ctc": {"decoder": HEAD},
}
CTC = {
    "target": MODELS + "ctc_bpe_models.EncDecCTCModelBPE",
    "decoder": HEAD,
    "decoding": {"greedy": None},
}


def shaken(model, seed):
    """Weights that are large enough for every part to matter, of half precision."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, value in tree_flatten(model.parameters()):
        noise = generator.standard_normal(value.shape).astype(np.float32)
        if name.endswith("running_var"):
            noise = 0.5 + np.abs(noise)
        else:
            fan = max(1, value[0].size) if value.ndim > 1 else 1
            noise = noise * (0.2 if value.ndim < 2 else (2.0 / fan) ** 0.5)
            noise = noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        weights[name] = mx.array(noise.astype(np.float16))
    model.update(tree_unflatten([(name, value.astype(mx.float32)) for name, value in weights.items()]))
    model.eval()
    return weights


def centre(model, weights):
    """Has each token be the likeliest in some frames."""
    hidden, _ = model.encoder(parakeet.log_mel_spectrogram(mx.array(sound(*SPANS[0])), model.preprocessor_config))
    heads = []
    head = getattr(model, "ctc_decoder", model.decoder)
    if hasattr(head, "decoder_layers"):
        name = "ctc_decoder" if hasattr(model, "ctc_decoder") else "decoder"
        heads.append((f"{name}.decoder_layers.0.bias", head.decoder_layers[0], head.decoder_layers[0](hidden)))
    if hasattr(model, "joint"):
        text, _ = model.decoder(None)
        heads.append(("joint.joint_net.2.bias", model.joint.joint_net[2], model.joint(hidden, text)))
    for name, layer, scores in heads:
        middle = scores.reshape(-1, scores.shape[-1]).mean(0)
        weights[name] = (layer.bias - middle).astype(mx.float16)
        layer.bias = weights[name].astype(mx.float32)


def make(name, config, seed):
    config = json.loads(json.dumps(config))
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
    model = parakeet.Model.from_config(config)
    weights = shaken(model, seed)
    centre(model, weights)
    expected = {}
    for at, span in enumerate(SPANS):
        mel = parakeet.log_mel_spectrogram(mx.array(sound(*span)), model.preprocessor_config)
        hidden, _ = model.encoder(mel)
        expected[f"mel.{at}"] = mel[0, ::10]
        expected[f"hidden.{at}"] = hidden[0]
        head = getattr(model, "ctc_decoder", model.decoder)
        if hasattr(head, "decoder_layers"):
            expected[f"scores.{at}"] = head.decoder_layers[0](hidden)[0]
        if hasattr(model, "joint"):
            tokens = [token for sentence in model.decode(mel)[0].sentences for token in sentence.tokens]
            expected[f"tokens.{at}"] = np.array([token.id for token in tokens], np.int32)
            expected[f"times.{at}"] = np.array([[token.start, token.end] for token in tokens], np.float32)
            print(name, at, [token.text for token in tokens], expected[f"times.{at}"].tolist()[:6])
    write_tensors(folder / "model.safetensors", weights)
    write_tensors(folder / "expected.safetensors", {key: np.array(value) for key, value in expected.items()})


def main():
    base = {"preprocessor": PREPROCESSOR, "encoder": ENCODER}
    biased = {"preprocessor": PREPROCESSOR, "encoder": ENCODER | {"use_bias": True, "xscaling": True}}
    make("nemo-tdt", base | TDT, 7)
    make("nemo-rnnt", biased | RNNT, 1)
    make("nemo-hybrid", base | HYBRID, 2)
    make("nemo-ctc", biased | CTC, 3)


if __name__ == "__main__":
    main()
