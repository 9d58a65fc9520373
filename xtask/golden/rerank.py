"""Tiny random rerankers, and their scores by transformers in float32."""

import json

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

from embed import BERT, DECODER, FOLDER, MODERN, QWEN3, VARIANTS, letters

QUERY = "a b c"
DOCUMENTS = ["d e f g", "a", "", "b c a d e f g h i j k l m n o p q r s t u v w x", "d e f h"]
LONGEST = 20

CLASSIFIERS = {
    "bert-reranker": BERT,
    "roberta-reranker": VARIANTS["roberta"],
    "distilbert-reranker": VARIANTS["distilbert"],
    "modernbert-reranker": MODERN | {"classifier_pooling": "mean", "classifier_bias": True, "norm_bias": True},
}
BEFORE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
BEHIND = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"


def roberta():
    """The same tokenizer with what RoBERTa puts around a pair of texts, and its token of padding."""
    tokenizer = letters(("[CLS]", "[PAD]", "[SEP]", "[UNK]"))
    tokenizer["post_processor"] = {
        "type": "RobertaProcessing",
        "sep": ["[SEP]", 2],
        "cls": ["[CLS]", 0],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    return tokenizer


def words():
    """A tokenizer that knows what a judge is asked, without anything around a text."""
    tokenizer = letters()
    tokenizer["post_processor"] = None
    known = ["yes", "no", "judge", "document", "query", "instruct", "think", "system", "user", "assistant"]
    tokenizer["model"]["vocab"] |= {word: 36 + at for at, word in enumerate(known)}
    return tokenizer


def fill(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.3 if parameter.ndim == 2 else 0.2)
            if parameter.ndim == 1 and "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1.0)
    return model.eval()


def of(config, kind, **more):
    fields = {name: value for name, value in config.items() if name != "model_type"} | more
    return kind.from_config(AutoConfig.for_model(config["model_type"], **fields), attn_implementation="eager")


def write(name, config, model, tokenizer, scores):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous() for key, value in model.state_dict().items() if key != "lm_head.weight"}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
    save_file({"scores": torch.tensor(scores)}, folder / "expected.safetensors")


def classifier(name, config, seed):
    model = fill(of(config, AutoModelForSequenceClassification, num_labels=1), seed)
    spelled = roberta() if config["model_type"] == "roberta" else letters()
    tokenizer = Tokenizer.from_str(json.dumps(spelled))
    tokenizer.enable_truncation(LONGEST)
    tokenizer.enable_padding(pad_id=config.get("pad_token_id", 0))
    batch = tokenizer.encode_batch([(QUERY, document) for document in DOCUMENTS])
    inputs = {
        "input_ids": torch.tensor([text.ids for text in batch]),
        "attention_mask": torch.tensor([text.attention_mask for text in batch]),
    }
    if config["model_type"] == "bert":
        inputs["token_type_ids"] = torch.tensor([text.type_ids for text in batch])
    with torch.no_grad():
        scores = model(**inputs).logits[:, 0].sigmoid().tolist()
    write(name, config, model, spelled, scores)
    (FOLDER / name / "tokenizer_config.json").write_text(json.dumps({"model_max_length": LONGEST}) + "\n")


def judge(name, seed):
    config = DECODER | QWEN3 | {"tie_word_embeddings": True, "max_position_embeddings": 512}
    model = fill(of(config, AutoModelForCausalLM), seed)
    spelled = words()
    tokenizer = Tokenizer.from_str(json.dumps(spelled))
    scores = []
    for document in DOCUMENTS:
        text = f"<Instruct>: {INSTRUCTION}\n<Query>: {QUERY}\n<Document>: {document}"
        parts = [tokenizer.encode(part, add_special_tokens=False).ids for part in (BEFORE, text, BEHIND)]
        with torch.no_grad():
            logits = model(torch.tensor([sum(parts, [])])).logits[0, -1]
        answers = logits[[tokenizer.token_to_id("no"), tokenizer.token_to_id("yes")]]
        scores.append(answers.softmax(0)[1].item())
    write(name, config, model, spelled, scores)


def main():
    for seed, (name, config) in enumerate(CLASSIFIERS.items()):
        classifier(name, config, seed)
    judge("qwen3-reranker", 9)


if __name__ == "__main__":
    main()
