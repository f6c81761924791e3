"""Writes lib/text/tokenizer/character-ranges.ts: which characters the `tokenizers` library takes for what.

It asks the library about every character. The library's tables are of several versions of Unicode, all older than Node's.
pip install tokenizers==0.22.2; python make-characters.py
"""
import pathlib

from tokenizers import __version__, normalizers, pre_tokenizers

characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def where(holds):
    """The ranges of code points, each as the gap before it and its length, in base 36."""
    parts, end, start = [], 0, None
    for c in [*map(ord, filter(holds, characters)), 0x120000]:
        if start is not None and c != last + 1:
            gap, length = start - end, last + 1 - start
            parts.append(base36(gap) if length == 1 else f"{base36(gap)}.{base36(length)}")
            end, start = last + 1, None
        start, last = (c if start is None else start), c
    return " ".join(parts)


def base36(n):
    digits = ""
    while n or not digits:
        digits, n = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36] + digits, n // 36
    return digits


clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
chinese = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
accents = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
combining, nmt = normalizers.StripAccents(), normalizers.Nmt()
punctuation = pre_tokenizers.Punctuation()
ranges = {
    "punctuation": ("what Punctuation and BertPreTokenizer cut off", lambda c: len(punctuation.pre_tokenize_str(f"a{c}a")) == 3),
    "nonspacingMarks": ("what BertNormalizer takes for an accent", lambda c: accents.normalize_str(c) == ""),
    "combiningMarks": ("what StripAccents removes", lambda c: combining.normalize_str(c) == ""),
    "controls": ("what BertNormalizer cleans away", lambda c: clean.normalize_str(c) == ""),
    "cjkIdeographs": ("what BertNormalizer puts spaces around", lambda c: chinese.normalize_str(c) != c),
    "nmtRemoved": ("what Nmt removes", lambda c: nmt.normalize_str(c) == ""),
    "nmtSpaces": ("what Nmt makes a space", lambda c: nmt.normalize_str(c) == " "),
}
lines = [f"""/**
 * Which characters the Rust library takes for what, asked of version {__version__}, whose tables of Unicode are older than
 * Node's. test/text/make-characters.py wrote this file. Each range of code points is the gap before it and, behind a
 * point, its length when that is not 1, in base 36.
 */
"""]
for name, (what, holds) in ranges.items():
    lines.append(f"/** {what[0].upper()}{what[1:]}. */\nexport const {name} =\n  '{where(holds)}'\n")
path = pathlib.Path(__file__).parents[2] / "lib/text/tokenizer/character-ranges.ts"
path.write_text("\n".join(lines))
