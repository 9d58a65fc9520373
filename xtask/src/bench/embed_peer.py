"""A peer of `mlx embed`: reads the texts, embeds them once after a short warm-up, and says how long it took."""

import json
import os
import sys
import time

program, folder, file, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
os.environ["OMP_NUM_THREADS"] = str(threads)
WARM, BATCH = 32, 32
texts = [json.loads(line) for line in open(file, encoding="utf-8")]


def sentence_transformers():
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    return lambda some: model.encode(some, batch_size=BATCH, show_progress_bar=False)


def export(path):
    import torch
    from transformers import AutoModel

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(folder, attn_implementation="eager")

        def forward(self, ids, mask, kinds):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=kinds).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    inputs = tuple(torch.ones(2, 8, dtype=torch.int64) for _ in names)
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "hidden"]}
    torch.onnx.export(
        Hidden().eval(), inputs, path + ".new", input_names=names, output_names=["hidden"], dynamic_axes=axes, dynamo=False
    )
    os.replace(path + ".new", path)


def onnxruntime():
    path = os.path.join(os.path.dirname(file), "minilm.onnx")
    if not os.path.exists(path):
        export(path)
    import numpy as np
    import onnxruntime as ort
    from tokenizers import Tokenizer

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()

    def encode(some):
        order = sorted(range(len(some)), key=lambda at: -len(some[at]))
        vectors = np.empty((len(some), 384), np.float32)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            batch = tokenizer.encode_batch([some[at] for at in part])
            ids, mask, kinds = (
                np.array([getattr(text, field) for text in batch], np.int64)
                for field in ("ids", "attention_mask", "type_ids")
            )
            (hidden,) = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds})
            weight = mask[..., None].astype(np.float32)
            mean = (hidden * weight).sum(1) / weight.sum(1)
            vectors[part] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    return encode


encode = {"sentence-transformers": sentence_transformers, "onnxruntime": onnxruntime}[program]()
encode(texts[:WARM])
start = time.perf_counter()
vectors = encode(texts)
seconds = time.perf_counter() - start
first = [float(x) for x in vectors[0][:4]]
print(json.dumps({"texts": len(texts), "seconds": seconds, "texts_per_second": len(texts) / seconds, "first": first}))
