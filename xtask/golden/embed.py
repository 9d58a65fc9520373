"""Tiny random text encoders, and their hidden states by transformers in float32."""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import AutoConfig, AutoModel
from transformers.masking_utils import create_bidirectional_mask
from transformers.models.lfm2 import modeling_lfm2

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-embed" / "tests" / "golden"
LENGTHS = [5, 1, 9, 5, 12]
VOCAB = 48

BERT = {
    "model_type": "bert",
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "hidden_act": "gelu",
    "pad_token_id": 0,
}
MODERN = {
    "model_type": "modernbert",
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 64,
    "local_attention": 6,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 5000.0,
    "local_rope_theta": 100.0,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 2,
}
NOMIC = {
    "model_type": "nomic_bert",
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
}
DECODER = {
    "vocab_size": VOCAB,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
QWEN3 = {
    "model_type": "qwen3",
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
}
VARIANTS = {
    "bert": BERT,
    "roberta": BERT | {"model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1, "hidden_act": "gelu_new"},
    "xlm-roberta": BERT | {"model_type": "xlm-roberta", "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    "distilbert": {
        "model_type": "distilbert",
        "vocab_size": VOCAB,
        "dim": 24,
        "n_layers": 2,
        "n_heads": 3,
        "hidden_dim": 40,
        "max_position_embeddings": 32,
        "activation": "gelu",
    },
    "modernbert": MODERN,
    "modernbert-biased": MODERN | {"norm_bias": True, "attention_bias": True, "mlp_bias": True},
    "nomic-bert": NOMIC,
    "qwen3-embedding": DECODER | QWEN3 | {"tie_word_embeddings": False},
    "embeddinggemma": DECODER
    | {
        "model_type": "gemma3_text",
        "num_hidden_layers": 3,
        "query_pre_attn_scalar": 8,
        "sliding_window": 6,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        "use_bidirectional_attention": True,
    },
    "lfm2-bidirectional": DECODER
    | {
        "model_type": "lfm2",
        "architectures": ["Lfm2BidirectionalModel"],
        "num_hidden_layers": 3,
        "layer_types": ["conv", "full_attention", "conv"],
        "block_auto_adjust_ff_dim": False,
    },
}


def letters(special=("[PAD]", "[CLS]", "[SEP]", "[UNK]")):
    """A tokenizer whose words are letters, with what BERT puts around a text."""
    vocab = {name: at for at, name in enumerate(special)}
    vocab |= {chr(ord("a") + at): 10 + at for at in range(26)}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": at, "content": name} | flags for at, name in enumerate(special)],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", vocab["[CLS]"]]},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
    }


def random_model(config, seed):
    """A model whose weights are large enough for every part to matter."""
    fields = {name: value for name, value in config.items() if name != "model_type"}
    torch.manual_seed(seed)
    model = AutoModel.from_config(
        AutoConfig.for_model(config["model_type"], **fields), attn_implementation="eager"
    ).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(0.0, 0.3)
            else:
                parameter.normal_(0.0, 0.2)
                if "norm" in name.lower() and name.endswith("weight"):
                    parameter.add_(1.0)
    return model


def run(model, texts, pad):
    """Hidden states of all texts in one padded batch."""
    longest = max(len(text) for text in texts)
    ids = torch.tensor([text + [pad] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return [hidden[at, : len(text)].contiguous() for at, text in enumerate(texts)]


def read_both_ways():
    """Has LFM2 see both sides of a token, which is what its models of texts change."""

    def mask(config, inputs_embeds, attention_mask, **_):
        return create_bidirectional_mask(config=config, inputs_embeds=inputs_embeds, attention_mask=attention_mask)

    def centred(x, weight, bias=None, **_):
        channels, kernel = weight.shape
        return functional.conv1d(x, weight[:, None], bias, padding=kernel // 2, groups=channels)

    modeling_lfm2.create_causal_mask = mask
    modeling_lfm2.causal_conv1d_fn = centred


def main():
    read_both_ways()
    for seed, (name, config) in enumerate(VARIANTS.items()):
        model = random_model(config, seed)
        generator = torch.Generator().manual_seed(seed)
        texts = [torch.randint(3, VOCAB, (length,), generator=generator).tolist() for length in LENGTHS]
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        state = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        hidden = run(model, texts, config.get("pad_token_id", 0))
        alone = [run(model, [text], 0)[0] for text in texts]
        for padded, single in zip(hidden, alone):
            assert torch.allclose(padded, single, atol=1e-4), name
        expected = {f"hidden.{at}": states for at, states in enumerate(hidden)}
        expected |= {f"tokens.{at}": torch.tensor(text, dtype=torch.int32) for at, text in enumerate(texts)}
        save_file(expected, folder / "expected.safetensors")
    (FOLDER / "bert" / "tokenizer.json").write_text(json.dumps(letters(), indent=2) + "\n")


if __name__ == "__main__":
    main()
