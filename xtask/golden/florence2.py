"""A tiny Florence-2: what its tower, encoder and decoder make of pictures, what it writes, and how answers are read."""

import copy
import json
import shutil

import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.florence2.processing_florence2 import Florence2Processor

from byte_tokenizer import tokenizer
from shown import GOLDEN, build, image, pictures

SPECIAL = {"<s>": True, "<pad>": True, "</s>": True, "<image>": True}
# Of the thousand places few are enough, but the others must be read where they stand as text.
MARKS = [f"<loc_{place}>" for place in range(0, 1000, 40)] + ["<sep>", "<poly>", "</poly>"]
BEGIN, PAD, END, IMAGE = 256, 257, 258, 259
PROCESSOR = {
    "image_processor_type": "CLIPImageProcessor",
    "do_center_crop": False,
    "size": {"height": 40, "width": 48},
    "resample": 3,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
VISION = {
    "depths": [1, 2],
    "patch_size": [7, 3],
    "patch_stride": [4, 2],
    "patch_padding": [3, 1],
    "patch_prenorm": [False, True],
    "embed_dim": [8, 16],
    "num_heads": [2, 4],
    "num_groups": [2, 4],
    "window_size": 4,
    "mlp_ratio": 2.0,
    "projection_dim": 24,
    "max_position_embeddings": 8,
    "max_temporal_embeddings": 4,
}
TEXT = {
    "model_type": "bart",
    "vocab_size": 256 + len(SPECIAL) + len(MARKS),
    "d_model": 24,
    "max_position_embeddings": 112,
    "encoder_layers": 2,
    "encoder_ffn_dim": 32,
    "encoder_attention_heads": 4,
    "decoder_layers": 2,
    "decoder_ffn_dim": 32,
    "decoder_attention_heads": 2,
    "bos_token_id": BEGIN,
    "pad_token_id": PAD,
    "eos_token_id": END,
    "decoder_start_token_id": END,
    "forced_bos_token_id": BEGIN,
    "forced_eos_token_id": END,
}
GENERATION = {
    "num_beams": 3,
    "early_stopping": True,
    "no_repeat_ngram_size": 3,
    "bos_token_id": BEGIN,
    "pad_token_id": PAD,
    "eos_token_id": END,
    "decoder_start_token_id": END,
    "forced_bos_token_id": BEGIN,
    "forced_eos_token_id": END,
}
POST = {
    "ocr": {"PATTERN": None, "AREA_THRESHOLD": 0.0},
    "phrase_grounding": {"banned_grounding_tokens": ["it", "the image"]},
    "pure_text": {},
    "description_with_bboxes": {},
    "description_with_polygons": {},
    "polygons": {},
    "bboxes": {},
    "description_with_bboxes_or_polygons": {},
}
CASES = [
    ("<CAPTION>", image(37, 51)),
    ("<OD>", image(64, 20, 2)),
    ("<CAPTION_TO_PHRASE_GROUNDING>a {car}", image(37, 51)),
    ("<REGION_TO_CATEGORY><loc_40><loc_80><loc_400><loc_960>", image(24, 90, 3)),
]
SEARCHES = [
    {"num_beams": 1, "max_new_tokens": 12, "no_repeat_ngram_size": 3},
    {"num_beams": 3, "max_new_tokens": 12, "no_repeat_ngram_size": 3, "early_stopping": True},
    {"num_beams": 3, "max_new_tokens": 16, "no_repeat_ngram_size": 0, "early_stopping": False},
    {"num_beams": 4, "max_new_tokens": 16, "no_repeat_ngram_size": 2, "early_stopping": "never", "length_penalty": 0.5},
    {"num_beams": 2, "max_new_tokens": 9, "no_repeat_ngram_size": 2, "early_stopping": False, "length_penalty": -1.0},
]
THEN = [END, BEGIN, 65, 270, 33, 265]
BOX = "<loc_52><loc_332><loc_932><loc_774>"
ANSWERS = [
    ("<CAPTION>", "</s><s>A green car.</s>"),
    ("<OD>", f"</s><s>car{BOX}door handle<loc_425><loc_504><loc_474><loc_516>{BOX}</s>"),
    ("<OD>", f"car{BOX}<loc_1><loc_2>"),
    ("<OD>", "wheel<loc_1><loc_2><loc_3>"),
    ("<DENSE_REGION_CAPTION>", f" a car, parked {BOX}"),
    ("<REGION_PROPOSAL>", f"<s>{BOX}<loc_0><loc_0><loc_999><loc_999></s>"),
    ("<CAPTION_TO_PHRASE_GROUNDING>", f"A car{BOX}{BOX}it{BOX}a door<loc_1><loc_2><loc_3><loc_4>"),
    ("<OCR_WITH_REGION>", f"</s>STOP{BOX}{BOX} a<b {BOX}<loc_7><loc_8><loc_9><loc_10></s>"),
    ("<REFERRING_EXPRESSION_SEGMENTATION>", f"{BOX}<loc_10><loc_11><loc_12>"),
    ("<REFERRING_EXPRESSION_SEGMENTATION>", f"<poly>{BOX}<sep>{BOX}<loc_1><loc_2></poly><poly>{BOX}</poly>"),
    ("<REGION_TO_SEGMENTATION>", f"{BOX}<sep>{BOX}"),
    ("<OPEN_VOCABULARY_DETECTION>", f"a car{BOX}"),
    ("<OPEN_VOCABULARY_DETECTION>", f"a car<poly>{BOX}<loc_5><loc_6></poly>"),
    ("<REGION_TO_OCR>", "<s>42</s>"),
]


def write(folder, file, contents):
    (folder / file).write_text(json.dumps(contents, separators=(",", ":")) + "\n")


def words():
    """The tokenizer, and the text of its file."""
    stored = tokenizer(SPECIAL | {mark: False for mark in MARKS})
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>"}
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(stored)), **names)
    made.image_token, made.image_token_id = "<image>", IMAGE
    return made, stored


def main():
    folder = GOLDEN / "florence2"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = AutoConfig.for_model("florence2", vision_config=VISION, text_config=TEXT, image_token_id=IMAGE)
    model = build(config)
    with torch.no_grad():
        # Texts shall end before there is no room: the end is what states have in common.
        table = model.lm_head.weight
        states = model.model.language_model.decoder(torch.arange(40, 100)[None]).last_hidden_state[0]
        table[END] += 0.7 * states.mean(0) / states.mean(0).square().sum()
        table.copy_(table.half().float())
    copy.deepcopy(model).half().save_pretrained(folder)
    made, stored = words()
    own = {key: value for key, value in PROCESSOR.items() if key != "image_processor_type"}
    cut = CLIPImageProcessorPil(**own)
    cut.image_seq_length = 1 + 5 * 6
    processor = Florence2Processor(cut, made, post_processor_config=POST)
    write(folder, "preprocessor_config.json", PROCESSOR)
    write(folder, "processor_config.json", {"post_processor_config": POST})
    write(folder, "tokenizer.json", stored)
    write(folder, "tokenizer_config.json", {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"})
    write(folder, "generation_config.json", GENERATION)
    cases, tensors = [], {}
    for at, (task, media) in enumerate(CASES):
        pixels = torch.tensor(cut(images=pictures(media), return_tensors="np")["pixel_values"])
        (prompt,) = processor._construct_prompts(task)
        question = [BEGIN, *made(prompt, add_special_tokens=False)["input_ids"], END]
        ids = torch.tensor([[IMAGE] * cut.image_seq_length + question])
        with torch.no_grad():
            found = model(input_ids=ids, pixel_values=pixels, decoder_input_ids=torch.tensor([THEN]))
            texts = [
                model.generate(input_ids=ids, pixel_values=pixels, do_sample=False, **({"early_stopping": None} | GENERATION | search))
                for search in SEARCHES
            ]
        tensors[f"{at}.encoded"] = found.encoder_last_hidden_state[0].numpy()
        tensors[f"{at}.logits"] = found.logits[0].numpy()
        texts = [text[0].tolist()[1:] for text in texts]
        cases.append({"task": task, "image": media, "texts": texts})
        print(f"{task}: logits of {found.logits.std():.2f}")
        for text in texts:
            print("   ", len(text), text)
    answers = []
    for task, text in ANSWERS:
        size = {"height": 375, "width": 1241}
        read = processor.post_process_generation(text=text, task=task, image_size=(size["width"], size["height"]))
        answers.append({"task": task, "text": text, "size": size, "read": read[task]})
    lines = ",\n".join(json.dumps(case) for case in cases)
    reads = ",\n".join(json.dumps(answer) for answer in answers)
    searches = json.dumps(SEARCHES)
    (folder / "cases.json").write_text(
        f'{{"then": {THEN}, "searches": {searches}, "cases": [\n{lines}\n], "answers": [\n{reads}\n]}}\n'
    )
    save_file(tensors, folder / "numbers.safetensors")


main()
