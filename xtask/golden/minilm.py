"""Vectors of twenty sentences by sentence-transformers, from the real all-MiniLM-L6-v2 of `cargo xtask assets minilm`."""

import json
import pathlib

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "crates" / "mlx-embed" / "tests" / "golden" / "minilm"


def main():
    texts = json.loads((FOLDER / "sentences.json").read_text(encoding="utf-8"))
    model = SentenceTransformer(str(ROOT / "assets" / "minilm"), device="cpu", local_files_only=True)
    vectors = model.encode(texts, batch_size=32, convert_to_tensor=True).to(torch.float32)
    save_file({"vectors": vectors.contiguous()}, FOLDER / "expected.safetensors")


if __name__ == "__main__":
    main()
