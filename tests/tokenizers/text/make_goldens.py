"""Writes tests/data/gpt2/goldens.json: what Hugging Face's `tokenizers` (0.22 or later) makes of many strings with GPT-2's files.

    python3 tests/tokenizers/text/make_goldens.py        # needs the Python package `tokenizers`
"""
import json
import pathlib
import random

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "data" / "gpt2"

PIECES = [
    "red apple", "It's", "they'll", "WE'VE", "I'd", "don't", "'s", "'S", "''t", "o'clock", "'re're", "12", "3.14159", "1,000,000",
    "\u0663\u0664", "\u00bd", "\u2167", "caf\u00e9", "cafe\u0301", "na\u00efve", "\u00df\u1e9e", "\u01c5", "\u4e00\u4e8c\u4e09",
    "\u65e5\u672c\u8a9e\u306e\u6587", "\ud55c\uad6d\uc5b4", "\u1112\u1161\u11ab", "\u0e44\u0e17\u0e22", "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\U0001f34e", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "\u00ad", "\ufeff", "\u200b", "\u200d", "\u2060", "\ufffd", "\u0000", "\u0007",
    "\u001b[0m", "\u007f", "\u0080", "\u0378", "\ue000", "\U0010ffff", "\U0001d538\U0001d7d9", "\u20ac5", "$9.99", "a_b", "__init__",
    "x=1;", "==>", "...", "\u2026", "!?", "#hash", "@name", "\\n", "C:\\dir", "http://a.b/c?d=e&f", "<|endoftext|>", "<b>", "\"quoted\"", "\u201cq\u201d",
    "\u2019s", "I\u2019ll", "a" * 40, "ab" * 30, "=" * 25, "-" * 70, "\u00e9" * 12, "\u4e00" * 20, "\U0001f600" * 7, "0" * 33, "supercalifragilistic",
]
SPACES = [
    " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u000b", "\u000c", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2000", "\u2003 ", "\u2028",
    "\u2029", "\u202f", "\u205f", "\u3000", " \u00a0", "\u00a0 ", "\u001c", "\u001f ", " " * 17, "\t\t ", "",
]


def strings():
    yield from ["", " ", "\n"]
    yield from PIECES
    yield from SPACES
    for space in SPACES:
        yield f"a{space}b"
        yield f"{space}x"
        yield f"x{space}"
        yield f"1{space}!{space}'s"
    draw = random.Random(2026)
    for _ in range(500):
        yield "".join(draw.choice(PIECES) + draw.choice(SPACES) for _ in range(draw.randint(1, 6)))
    # Points from everywhere that Unicode 13 had already assigned or that no version assigns differently.
    blocks = [(0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x377), (0x400, 0x4FF), (0x5D0, 0x5EA), (0x900, 0x939), (0x2000, 0x206F), (0x20A0, 0x20BF),
              (0x2150, 0x218B), (0x2190, 0x23FF), (0x2460, 0x24FF), (0x2600, 0x27BF), (0x3040, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3),
              (0xFE00, 0xFE0F), (0xFF01, 0xFF60), (0x1F300, 0x1F64F), (0x10300, 0x10323), (0x1D400, 0x1D454)]
    for _ in range(300):
        yield "".join(chr(draw.randint(*draw.choice(blocks))) for _ in range(draw.randint(1, 24)))


def main():
    tokenizer = Tokenizer(BPE.from_file(str(FOLDER / "vocab.json"), str(FOLDER / "merges.txt")))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    rows = [{"text": text, "ids": tokenizer.encode(text).ids} for text in strings()]
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    (FOLDER / "goldens.json").write_text("[\n" + lines + "\n]\n")
    print(len(rows), "strings")


main()
