"""Texts as Whisper's own normalisers make them comparable, and the rates of errors of jiwer."""

import json
import pathlib
import random

import jiwer
from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "mlx-audio" / "tests" / "golden" / "score"

SPELLINGS = {"colour": "color", "realised": "realized", "grey": "gray"}

ENGLISH = """
Mr. Hall and Mrs. O'Neil won't come; they'd been told (by whom?) that it's over.
[music] He said, "I'm gonna go" -- hmm, and went. <noise>
Um, you can't have it. Let 's see, y'all!
The colour was grey, I realised. Ain't it? I'ma do it. Coulda, woulda.
She's got it, he's gone, they'd done it, she'd like it, we're here, I've seen, we'll go, 'tis so.
Dr. Brown, Prof. Green, Capt. Black, Sen. White, Rev. Grey Jr., St. Mary, Lt. Col. Reed, esq.
It cost $20 million, or 1,234,567 dollars, 1,2,3.
twenty one, twenty-one, twenty-first, thirty-second, ninth, nineteenth, the sixties and the sixes
two thousand and five, two thousand five hundred and one, one hundred and ten thousand three
nineteen eighty four, nineteen oh five, twenty twenty, one oh one, seven eight nine
double seven, triple o five, double twelve, double it, triple
three point one four, point five, zero point zero seven, one point, a point to make
two and a half, five and a half million, apples and a half, and a half, two hundred and a half
two dollars and seven cents, $2 and 7 cents, 0.07 dollars, $0.99, seven cents, 5 euros 12 cents, three pounds fifty
minus five, negative 3.5, plus one, positive feedback, minus the rest, plus per cent
fifty percent, 50 per cent, 50%, per person, ten per person, a % of it, 100 %
1st 2nd 3rd 4th 1960s 1960 s 21 st street, 3 d, b2b, 1s, 1, one, ones, 1.5, $1
1.50, 2.0, 007, 00, 192.168.0.1, 3. 4, 5., .5, U.S.A., e.g. this, 1.million
one point five million, two point five hundred, one point two three four thousand, 1.2.3 million, 2.5 millionths
hundreds of thousands, thousandth, two hundredths, zero million, 0 oh, 0 five, zeros
café naïve Ångström straße Œuvre Łódź ÞORN đ ﬁne ½ ² ℡ don’t “no” – yes…
() (a) ((b) c) [d <e] f> g [h (i
tab\tand  spaces ' s
$$ 5 $ five ¢ five £6m €7.5bn $5,000.00 $ 5 5$ ..5 a.. ..a ... %% a%% 5%%
""".strip().split("\n")

OTHER = [
    "Der Fluß ist (sehr) tief – „wirklich“, sagt Dr. Weiß! 3,5 km",
    "¿Qué tal, señor? ¡Añádelo! [risas] 20 %",
    "Où est l'œuvre de l'été ? C’est ﬁni…",
    "今天天气很好，我们去公园吧！（笑）ＡＢＣ１２３",
    "これはテストです。がぎぐ、ﾊﾟﾋﾟ",
    "नमस्ते दुनिया! यह किताब है।",
    "สวัสดีครับ ยินดีที่ได้รู้จัก",
    "Привет, мир: ёлка и йод. Ещё?",
    "ΟΔΥΣΣΕΥΣ İstanbul 𝔸𝕓 👩‍👩‍👧 a\u0301e\u0301 ①②",
    "<a> [b> (c) () text",
    "Việt Nam đẹp lắm",
]

# Words among which random sentences are drawn, so that rules meet that nobody would think of.
NUMBERS = "zero oh one two five nine ten twelve nineteen twenty forty ninety hundred thousand million billion "
NUMBERS += "first second fifth twelfth twentieth hundredth thousandths millions sixes forties and and point point "
NUMBERS += "double triple minus plus dollars cents pound percent per cent 1 2 5 10 007 100 3.5 2.0 $4 £0 ¢5 1960s 4th 0 "
NUMBERS += "apples half a"

PAIRS = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("the cat sat on the mat", "a cat sat the mat today"),
    ("a b c d", "x a b c d"),
    ("a b c d", ""),
    ("", "a b"),
    ("", ""),
    ("a b c d e f", "b c x e f g h"),
    ("  a  b ", "b a"),
    ("one two three", "three two one one two three four"),
]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    english = EnglishTextNormalizer()
    english.standardize_spellings.mapping = SPELLINGS
    draw = random.Random(7)
    words = NUMBERS.split()
    drawn = [" ".join(draw.choices(words, k=draw.randint(2, 9))) for _ in range(900)]
    basic = [BasicTextNormalizer(marks, split) for marks in (False, True) for split in (False, True)]
    tidy = lambda text: " ".join(text.split())
    golden = {
        "spellings": SPELLINGS,
        "english": [[text, tidy(english(text))] for text in ENGLISH + OTHER + drawn],
        "basic": [[text, *(tidy(normalizer(text)) for normalizer in basic)] for text in ENGLISH + OTHER],
        "rates": [[said, heard, float(jiwer.wer(said, heard)), float(jiwer.cer(said.strip(), heard.strip()))] for said, heard in PAIRS],
    }
    lines = ",\n".join(f'"{key}": ' + json.dumps(value, ensure_ascii=False).replace("], [", "],\n[") for key, value in golden.items())
    (FOLDER / "texts.json").write_text("{" + lines + "}\n")


main()
