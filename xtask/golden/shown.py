"""Tiny vision-language models by transformers in float32, and what they make of conversations that show pictures."""

import copy

import torch
from transformers import AutoModelForImageTextToText

from told import GOLDEN, LAST, THEN, Told, image, kind, pictures, replaced, video


def build(config, seed=0, model=AutoModelForImageTextToText):
    """A model of random weights, which halves hold exactly. Each part is loud enough to matter."""
    torch.manual_seed(seed)
    built = model.from_config(config) if hasattr(model, "from_config") else model(config)
    built = built.to(torch.float32).eval()
    with torch.no_grad():
        for name, weight in built.named_parameters():
            fan = weight[0].numel() if weight.ndim > 1 else 1
            noise = torch.randn_like(weight)
            if "norm" in name and weight.ndim == 1 and name.endswith("weight"):
                weight.copy_(1 + 0.2 * noise if weight.abs().max() > 0 else 0.2 * noise)
            elif weight.ndim == 1:
                weight.copy_(0.2 * noise)
            elif "embed_tokens" in name or "embedding" in name:
                weight.copy_(0.6 * noise)
            else:
                weight.copy_(1.4 * noise / fan**0.5)
            weight.copy_(weight.half().float())
    return built


class Shown(Told):
    """A family's tiny model with its tokenizer, in a folder of its own."""

    def __init__(self, name, model, special, template, files):
        super().__init__(name, special, template, files)
        self.model = model
        copy.deepcopy(model).half().save_pretrained(self.folder)
        (self.folder / "generation_config.json").unlink(missing_ok=True)

    def text(self, turns):
        """What the chat template writes; each turn is who speaks, the text, and what is shown."""
        messages = [
            {"role": role, "content": [{"type": kind(one)} for one in media] + [{"type": "text", "text": text}]}
            for role, text, media in turns
        ]
        return self.words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    def case(self, name, turns, expand):
        """Keeps a conversation with its tokens and logits. `expand` takes its text and media, and gives the text that the
        tokenizer takes and a function from tokens to what else the model takes."""
        media = [one for _, _, media in turns for one in media]
        text, others = expand(self.text(turns), media)
        tokens = self.words(text, add_special_tokens=False)["input_ids"]
        whole = torch.tensor([tokens + THEN])
        with torch.no_grad():
            logits = self.model(input_ids=whole, **others(whole)).logits
        self.keep(name, turns, tokens, logits[0].numpy())
