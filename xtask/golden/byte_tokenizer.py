"""Tokenizers of single bytes, for tiny models."""

# Bytes that stand for themselves in a tokenizer of bytes.
LETTERS = sorted(set(range(33, 127)) | set(range(161, 173)) | set(range(174, 256)))


def tokenizer(special):
    """A `tokenizer.json` whose tokens are bytes and, behind them, those of `special`, which says of each whether it is left
    out of texts."""
    signs, spare = {}, 256
    for byte in range(256):
        signs[byte] = chr(byte) if byte in LETTERS else chr(spare)
        spare += byte not in LETTERS
    vocab = {sign: at for at, sign in enumerate(signs.values())}
    added = [
        {"id": len(vocab) + at, "content": token, "special": left_out}
        | {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for at, (token, left_out) in enumerate(special.items())
    ]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": level,
        "decoder": level,
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
    }
