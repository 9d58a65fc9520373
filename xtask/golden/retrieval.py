"""Tiny random models of words and of late interaction, and what transformers makes of them in float32."""

import json

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import AutoModel, AutoModelForMaskedLM

from embed import BERT, FOLDER, MODERN, VARIANTS, letters
from rerank import fill, of, roberta

TEXTS = ["a b c", "d e f g h i j", "a", "c a b, d. e"]
SPARSE = {"splade": BERT, "splade-distilbert": VARIANTS["distilbert"], "splade-roberta": VARIANTS["roberta"]}
LATE = {"colbert": BERT, "colbert-modernbert": MODERN | {"local_attention": 14}}
QUERY_LENGTH, DOCUMENT_LENGTH = 9, 8


def marked():
    """The tokenizer of letters with the tokens that mark queries and documents, hidden words and punctuation."""
    tokenizer = letters()
    names = {"[MASK]": 4, "[Q] ": 5, "[D] ": 6, ",": 7, ".": 8}
    tokenizer["model"]["vocab"] |= names
    return tokenizer


def folder_of(name, config, model, tokenizer):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    tied = ("decoder.weight", "vocab_projector.weight", "decoder.bias")
    state = {key: value.contiguous() for key, value in model.state_dict().items() if not key.endswith(tied)}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
    return folder


def sparse(name, config, seed):
    model = fill(of(config, AutoModelForMaskedLM), seed)
    folder = folder_of(name, config, model, roberta() if config["model_type"] == "roberta" else letters())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(pad_id=config.get("pad_token_id", 0))
    batch = tokenizer.encode_batch(TEXTS)
    ids = torch.tensor([text.ids for text in batch])
    mask = torch.tensor([text.attention_mask for text in batch])
    with torch.no_grad():
        weights = torch.log1p(model(input_ids=ids, attention_mask=mask).logits.relu()) * mask[..., None]
    save_file({"weights": weights.amax(1).contiguous()}, folder / "expected.safetensors")


def marked_ids(tokenizer, text, marker, length):
    tokenizer.enable_truncation(length - 1)
    ids = tokenizer.encode(text).ids
    return [ids[0], tokenizer.token_to_id(marker), *ids[1:]]


def late(name, config, seed):
    model = fill(of(config, AutoModel), seed)
    folder = folder_of(name, config, model, marked())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    weight = torch.randn(12, config["hidden_size"], generator=torch.Generator().manual_seed(seed))
    dense = folder / "1_Dense"
    dense.mkdir(exist_ok=True)
    save_file({"linear.weight": weight}, dense / "model.safetensors")
    shape = {"in_features": config["hidden_size"], "out_features": 12, "bias": False}
    identity = "torch.nn.modules.linear.Identity"
    (dense / "config.json").write_text(json.dumps(shape | {"activation_function": identity}) + "\n")
    types = ["sentence_transformers.models.Transformer", "pylate.models.Dense.Dense"]
    modules = [{"idx": at, "name": str(at), "path": ["", "1_Dense"][at], "type": kind} for at, kind in enumerate(types)]
    (folder / "modules.json").write_text(json.dumps(modules) + "\n")
    settings = {
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": QUERY_LENGTH,
        "document_length": DOCUMENT_LENGTH,
        "attend_to_expansion_tokens": False,
        "skiplist_words": [",", "."],
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings) + "\n")

    def vectors(ids, mask):
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([mask])).last_hidden_state
        return functional.normalize(hidden[0] @ weight.T, dim=-1)

    expected = {}
    for at, text in enumerate(TEXTS):
        ids = marked_ids(tokenizer, text, "[Q] ", QUERY_LENGTH)
        filling = QUERY_LENGTH - len(ids)
        filled = ids + [tokenizer.token_to_id("[MASK]")] * filling
        expected[f"query.{at}"] = vectors(filled, [1] * len(ids) + [0] * filling)
        ids = marked_ids(tokenizer, text, "[D] ", DOCUMENT_LENGTH)
        kept = [id not in (7, 8) for id in ids]
        expected[f"document.{at}"] = vectors(ids, [1] * len(ids))[torch.tensor(kept)].contiguous()
    queries, documents = ([expected[f"{side}.{at}"] for at in range(len(TEXTS))] for side in ("query", "document"))
    scores = [[(query @ document.T).amax(1).sum() for document in documents] for query in queries]
    expected["scores"] = torch.tensor(scores)
    save_file(expected, folder / "expected.safetensors")


def main():
    for seed, (name, config) in enumerate(SPARSE.items()):
        sparse(name, config, seed)
    for seed, (name, config) in enumerate(LATE.items()):
        late(name, config, seed)


if __name__ == "__main__":
    main()
