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
TEXT = {"dim": 32, "ff_dim": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "vocab_size": VOCABULARY, "max_context": 512}
VISION = {"enc_dim": 16, "enc_ff_dim": 24, "enc_n_layers": 2, "enc_n_heads": 2, "crop_size": 70, "max_crops": 5}
VISION |= {"overlap_margin": 1, "proj_inner_dim": 24, "proj_out_dim": 32}
TOKENIZER = {"bos_id": BEGIN, "eos_id": BEGIN, "size_id": MARK, "templates": {}}
for word, letter in (("query", 81), ("detect", 82), ("point", 83)):
    TOKENIZER["templates"][word] = {"prefix": [ASK, letter, TELL], "suffix": [ANSWER]}
REGION = {"coord_feat_dim": 8, "coord_out_dim": 64, "size_feat_dim": 12, "size_out_dim": 2048, "inner_dim": 4}
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
    own = {"text": text, "tokenizer": TOKENIZER, "vision": VISION} | ({"region": REGION} if version == 2 else {})
    kind = "moondream1" if version == 2 else "moondream3"
    return {"architectures": ["HfMoondream"], "config": own, "model_type": kind, "torch_dtype": "float16"}


def model(version):
    text = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": VOCABULARY}
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
    return found


def region(random):
    """The heads that find places."""
    shapes = {}
    for name, numbers, outputs in (("coord", 1, REGION["coord_out_dim"]), ("size", 2, REGION["size_out_dim"])):
        features = REGION[f"{name}_feat_dim"]
        shapes |= {f"{name}_encoder.weight": (32, features), f"{name}_encoder.bias": (32,), f"{name}_features": (numbers, features // 2)}
        inner = REGION["inner_dim"]
        shapes |= {f"{name}_decoder.fc1.weight": (inner, 32), f"{name}_decoder.fc1.bias": (inner,)}
        shapes |= {f"{name}_decoder.fc2.weight": (outputs, inner), f"{name}_decoder.fc2.bias": (outputs,)}
    # States are long: the heads are to tell them apart.
    sizes = {"fc1.weight": 0.1, "fc2.bias": 0.3, "encoder.weight": 1.8}
    loud = lambda name: next((size for part, size in sizes.items() if part in name), 0.6)
    drawn = {name: loud(name) * random.standard_normal(shape) for name, shape in shapes.items()}
    return {name: array.astype(np.float16).astype(np.float32) for name, array in drawn.items()}


class Finder:
    """What the authors do to find things, with the decoder of mlx-vlm. `heads` are as in `region`."""

    def __init__(self, built, heads):
        self.built, self.heads = built, {name: torch.tensor(array) for name, array in heads.items()}

    def decoded(self, name, state):
        one, two = ([self.heads[f"{name}_decoder.fc{at}.{part}"] for part in ("weight", "bias")] for at in (1, 2))
        linear, gelu = torch.nn.functional.linear, torch.nn.functional.gelu
        return linear(gelu(linear(state, *one), approximate="tanh"), *two)

    def encoded(self, name, numbers):
        turns = 2 * np.pi * torch.tensor([numbers], dtype=torch.float32) @ self.heads[f"{name}_features"]
        waves = torch.cat([turns.cos(), turns.sin()], -1)
        told = torch.nn.functional.linear(waves, self.heads[f"{name}_encoder.weight"], self.heads[f"{name}_encoder.bias"])
        return mx.array(told[None].numpy())

    def run(self, hidden):
        """The last state before the norm, and the token that follows."""
        mask = self.built._create_prefix_attention_mask(hidden.shape[1], 1 + SIDE * SIDE)
        for layer in self.built.text.model.layers:
            hidden = layer(hidden, mask)
        scores = self.built.text.lm_head(self.built.text.model.post_ln(hidden))
        return torch.tensor(np.array(hidden[:, -1])), int(mx.argmax(scores[0, -1]))

    def find(self, hidden, most, sized):
        """Columns and rows, and perhaps widths and heights; and the tokens that would follow them."""
        (state, following), found, then = self.run(hidden), [], []
        while following != BEGIN and len(found) < most:
            place = []
            for _ in "xy":
                bins = self.decoded("coord", state)[0]
                place.append(int(bins.argmax()) / len(bins))
                hidden = mx.concatenate([hidden, self.encoded("coord", place[-1:])], 1)
                state, following = self.run(hidden)
            if sized:
                bins = self.decoded("size", state).reshape(2, -1).argmax(-1)
                place += (2 ** (bins.float() / 1023 * 10 - 10)).tolist()
                hidden = mx.concatenate([hidden, self.encoded("size", place[2:])], 1)
                state, following = self.run(hidden)
            found.append(place)
            then.append(following)
        return {"found": found, "then": then}


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

    def vectors(seen, grid):
        features = np.array(built.vision.encoder(mx.array(seen))).reshape(len(seen), SIDE, SIDE, -1)
        both = np.concatenate([features[0], near(features[1:], grid)], -1).reshape(1, SIDE * SIDE, -1)
        return built.vision.proj_mlp(mx.array(both))

    def hidden_of(tokens, seen, grid):
        hidden = embed(tokens)
        return mx.concatenate([hidden[:, :1], vectors(seen, grid), hidden[:, 1 + SIDE * SIDE :]], axis=1)

    def logits(tokens, seen=None, grid=None):
        if seen is None:
            return built.text(tokens).logits
        mask = built._create_prefix_attention_mask(tokens.shape[1], 1 + SIDE * SIDE)
        return built.text(tokens, inputs_embeds=hidden_of(tokens, seen, grid), mask=mask).logits

    def found(finder, one, what, most, sized):
        ask = TOKENIZER["templates"]["detect" if sized else "point"]
        tokens = [BEGIN] + [MARK] * SIDE * SIDE + ask["prefix"] + [*b" ", *what.encode()] + ask["suffix"]
        told = expand("", [one])[1](tokens)
        case = {"image": one, "what": what, "most": most, "sized": sized}
        return case | finder.find(hidden_of(mx.array([tokens]), **told), most, sized)

    heads = region(np.random.RandomState(24)) if version == 2 else {"coord_encoder.bias": np.zeros(8)}
    more = {f"model.region.{name}": array for name, array in heads.items()}
    shown = MlxShown(f"moondream{version}", config(version), stored(arrays) | more, logits, (SPECIAL, None, {}))
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
    if version == 2:
        finder = Finder(built, heads)
        asked = [(image(120, 200, 4), "cat", 5, False), (image(120, 200, 4), "cat", 4, True), (image(40, 30, 6), "an eye", 3, True)]
        shown.write("found.json", [found(finder, *ask) for ask in asked])


def main():
    write(2)
    write(3)


main()
