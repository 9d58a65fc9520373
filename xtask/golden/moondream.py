"""Tiny Moondream 2 and 3 by mlx-vlm, for which images and questions are prepared as its authors do, and parts of an image are
pooled as they are there."""

import mlx.core as mx
import numpy as np
import torch
from mlx_vlm.models import moondream2, moondream3

from mlx_shown import MlxShown, fill
from moondream_parts import numbers, parts
from shown import image, pictures
from tile_cases import image_of

BEGIN, ASK, TELL, ANSWER, MARK = 256, 257, 258, 259, 260
SPECIAL = ["<|endoftext|>", "<|ask|>", "<|tell|>", "<|answer|>", "<|size|>"]
VOCABULARY = 261
TEXT = {"dim": 32, "ff_dim": 48, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "vocab_size": VOCABULARY, "max_context": 512}
VISION = {"enc_dim": 16, "enc_ff_dim": 24, "enc_n_layers": 2, "enc_n_heads": 2, "crop_size": 70, "max_crops": 5}
VISION |= {"overlap_margin": 1, "proj_inner_dim": 40, "proj_out_dim": 32}
TOKENIZER = {"bos_id": BEGIN, "eos_id": BEGIN, "size_id": MARK, "templates": {"query": {"prefix": [ASK, 81, TELL], "suffix": [ANSWER]}}}
EXPERTS = {"num_experts": 5, "start_layer": 1, "experts_per_token": 2, "expert_inner_dim": 12}
SIDE, MARGIN = VISION["crop_size"] // 14, VISION["overlap_margin"]
CASES = {
    "image": [["user", "What is it?", [image(37, 51)]]],
    "parts": [["user", "Where?", [image(203, 161, 1)]]],
    "wide": [["user", "And this?", [image(90, 150, 2)]]],
    "turns": [["user", "One.", [image(120, 110, 3)]], ["assistant", "Yes.", []], ["user", "Two?", []]],
    "text": [["user", "Nothing.", []]],
}


def config(version):
    text = TEXT if version == 2 else TEXT | {"moe": EXPERTS}
    own = {"text": text, "tokenizer": TOKENIZER, "vision": VISION}
    kind = "moondream1" if version == 2 else "moondream3"
    return {"architectures": ["HfMoondream"], "config": own, "model_type": kind, "torch_dtype": "bfloat16"}


def model(version):
    text = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": VOCABULARY}
    text |= {"num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 512}
    # Norms of the authors' towers add as much in both.
    vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "layer_norm_eps": 1e-5}
    vision |= {name: VISION[name] for name in ("crop_size", "max_crops", "overlap_margin", "proj_inner_dim", "proj_out_dim")}
    if version == 2:
        return moondream2.Model(moondream2.ModelConfig(text_config=text, vision_config=vision))
    text |= {"head_dim": 8, "rope_dim": 4, "num_experts": 5, "num_experts_per_tok": 2}
    text |= {"moe_intermediate_size": 12, "moe_start_layer": 1}
    return moondream3.Model(moondream3.ModelConfig(text_config=text, vision_config=vision))


def stored(arrays):
    """As the authors name them."""
    found = {}
    for name, array in arrays.items():
        name = name.replace("text.model.layers.", "text.blocks.").replace("text.model.", "text.")
        name = name.replace("text.embed_tokens.weight", "text.wte").replace("text.wte.weight", "text.wte")
        found["model." + name.replace("vision.encoder.", "vision.")] = array
    # What finds places in an image is not used for texts.
    found["model.region.coord_encoder.bias"] = mx.zeros(8)
    return found


def near(seen, grid):
    """The parts side by side without what they share, in as many places as a part has."""
    if not len(seen):
        return None
    rows, columns = grid
    kept = lambda at, count: slice(MARGIN if at else 0, SIDE - MARGIN if at + 1 < count else SIDE)
    cut = lambda row, column: seen[row * columns + column][kept(row, rows), kept(column, columns)]
    sheet = np.concatenate([np.concatenate([cut(row, column) for column in range(columns)], 1) for row in range(rows)], 0)
    told = torch.tensor(sheet).permute(2, 0, 1)
    return torch.nn.functional.adaptive_avg_pool2d(told, (SIDE, SIDE)).permute(1, 2, 0).numpy()


def write(version):
    built = model(version)
    arrays = fill(built, 23)
    embed = built.text.model.embed_tokens

    def expand(text, media):
        if not media:
            return text, lambda tokens: {}
        whole = image_of(media[0])
        seen, grid = parts(whole, VISION["crop_size"], VISION["max_crops"], MARGIN)
        return text, lambda tokens: {"seen": np.stack([numbers(part) for part in seen]), "grid": grid}

    def logits(tokens, seen=None, grid=None):
        hidden, mask, length = embed(tokens), None, tokens.shape[1]
        if seen is not None:
            features = np.array(built.vision.encoder(mx.array(seen))).reshape(len(seen), SIDE, SIDE, -1)
            both = np.concatenate([features[0], near(features[1:], grid)], -1).reshape(1, SIDE * SIDE, -1)
            vectors = built.vision.proj_mlp(mx.array(both))
            end = 1 + SIDE * SIDE
            hidden = mx.concatenate([hidden[:, :1], vectors, hidden[:, end:]], axis=1)
            mask = built._create_prefix_attention_mask(length, end)
        return built.text(tokens, inputs_embeds=hidden, mask=mask).logits

    shown = MlxShown(f"moondream{version}", config(version), stored(arrays), logits, (SPECIAL, None, {}))
    # The checkpoint has no template: its authors put tokens around texts by their numbers.
    shown.write("tokenizer_config.json", {})
    words = shown.words

    def tokens_of(turns):
        """Tokens as the authors' code has them: what ends a question stands twice where no thoughts are asked for."""
        query, tokens = TOKENIZER["templates"]["query"], [BEGIN]
        for role, text, media in turns:
            tokens += [MARK] * (SIDE * SIDE * len(media))
            own = words(text, add_special_tokens=False)["input_ids"]
            tokens += query["prefix"] + own + 2 * query["suffix"] if role == "user" else own
        return tokens

    # There is no text that has these tokens.
    shown.text = lambda turns: turns
    shown.words = lambda turns, add_special_tokens: {"input_ids": tokens_of(turns)}
    for case, turns in CASES.items():
        shown.case(case, turns, expand)
    shown.finish()


def main():
    write(2)
    write(3)


main()
