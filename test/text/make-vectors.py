"""Writes tokenizers.json beside it: small tokenizers of the kinds that models use, with what the `tokenizers` library makes of some texts.

pip install tokenizers==0.23.3; python make-vectors.py
"""
import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

corpus = [
    "The quick brown fox jumps over the lazy dog. It's 1234 o'clock, isn't it? We'll see; they've I'd you're 'm.",
    "def f(x):\n    return x + 1\n\n\tprint('hello   world')\r\n" * 3,
    "Ünïcödé naïve café résumé 日本語のテキスト 中文字符 русский текст عربى हिन्दी ไทย",
    "½ ² ① Ⅷ ٣ ４２ 3.14159 1,000,000 2024-05-01",
    "👍🏽 👨‍👩‍👧‍👦 🦙.cpp e\u0301 \ufb01 ﷺ \u00a0\u2003\u3000 \ufeff \u0085 \u2028",
    "hello hello world worlds wording word the there then them a an and any",
] * 4
texts = [
    "", " ", "  ", "\n", "\n\n\n", "\t\n x", "Hello world", " Hello", "  Hello  world  ", "it's we'll THEY'VE I'd",
    "x=1; y = 22 + 333 # 4444", "½ ² ① Ⅷ ٣ ４２", "1234567", "a1b22c333", "café e\u0301 \ufb01 ﷺ", "日本語のテキスト", "русский текст",
    "👍🏽 👨‍👩‍👧‍👦 🦙.cpp", "a\u00a0b\u2003c\u3000d", "a\ufeffb\ufeff c", "a\u0085b \u0085 c", "line\r\nline\r\n\r\nend ", "tabs\t\tand   spaces   ",
    "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|> <|im_end|>  x", "a<tool>b", "a <tool> b", "x<word>y x <word> y", "  <left>  x", "x  <right>  y",
    "<|im_start|<|im_start|>|>", "<|im_end", "▁x ▁ y", "$& $1 $$", "Ａｂｃ", "don't 'tis  'S", "\u200d\u200c x", "a.b,c!d?e", "((()))[]{}", "ΣΑΣ ς",
    "AaBb\u0301 \u1e9b\u0323", "\U00012345 \U0001F600", "the  the   the", "--- *** ___", "end\n", "\n start",
]
special = ["<|im_start|>", "<|im_end|>"]


def added():
    return [
        AddedToken("<tool>", special=False, normalized=True),
        AddedToken("<word>", special=False, normalized=False, single_word=True),
        AddedToken("<left>", special=True, normalized=False, lstrip=True),
        AddedToken("<right>", special=True, normalized=False, rstrip=True),
    ]


gpt4 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
qwen = gpt4.replace("{1,3}", "")


def byte_level(name, pre, normalizer=None, ignore_merges=False, bos=False):
    t = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    t.normalizer = normalizer
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return finish(name, t, bos)


def sentence_piece(name, normalizer, pre, decoder, bos=False):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    t.normalizer = normalizer
    t.pre_tokenizer = pre
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    t.train_from_iterator(corpus[:2] + corpus[5:6], trainers.BpeTrainer(vocab_size=500, special_tokens=["<unk>", *special, *bytes_], show_progress=False, max_token_length=12))
    raw = json.loads(t.to_str())
    raw["model"]["byte_fallback"] = True
    raw["added_tokens"] = [a for a in raw["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(raw))
    t.decoder = decoder
    return finish(name, t, bos)


def finish(name, t, bos):
    t.add_tokens(added())
    if bos:
        t.post_processor = processors.TemplateProcessing(single="<|im_start|> $A <|im_end|>", special_tokens=[("<|im_start|>", t.token_to_id("<|im_start|>")), ("<|im_end|>", t.token_to_id("<|im_end|>"))])
    rows = []
    for text in texts:
        t.encode_special_tokens = False
        row = [text, t.encode(text).ids, t.encode(text, add_special_tokens=False).ids]
        t.encode_special_tokens = True
        rows.append([*row, t.encode(text, add_special_tokens=False).ids, t.decode(row[2]), t.decode(row[2], skip_special_tokens=False)])
    return {"name": name, "tokenizer": json.loads(t.to_str()), "rows": rows}


ByteLevel, Split, Sequence = pre_tokenizers.ByteLevel, pre_tokenizers.Split, pre_tokenizers.Sequence
llama_decoder = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
found = [
    byte_level("gpt-2", ByteLevel(add_prefix_space=False)),
    byte_level("byte-level, prefix space", ByteLevel(add_prefix_space=True), bos=True),
    byte_level("smollm", Sequence([pre_tokenizers.Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])),
    byte_level("digits together", Sequence([pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Punctuation("contiguous"), ByteLevel(add_prefix_space=False)])),
    byte_level("llama-3", Sequence([Split(Regex(gpt4), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]), ignore_merges=True, bos=True),
    byte_level("qwen2", Sequence([Split(Regex(qwen), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]), normalizers.NFC()),
    byte_level("gpt-4, inverted", Sequence([Split(Regex(gpt4), "removed", invert=True), ByteLevel(add_prefix_space=False, use_regex=False)])),
    byte_level("splits", Sequence([Split("e", "removed"), Split("o", "merged_with_previous"), Split("t", "merged_with_next"), Split(Regex("[ls]"), "contiguous"), ByteLevel(add_prefix_space=False, use_regex=False)]), normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])),
    sentence_piece("llama-2", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, decoders.Sequence([*llama_decoder, decoders.Strip(" ", 1, 0)]), bos=True),
    sentence_piece("gemma", normalizers.Replace(" ", "▁"), Split(" ", "merged_with_previous"), decoders.Sequence(llama_decoder)),
    sentence_piece("mistral, metaspace first", None, pre_tokenizers.Metaspace("▁", "first", False), decoders.Sequence([*llama_decoder, decoders.Strip(" ", 1, 0)])),
    sentence_piece("metaspace, split", None, pre_tokenizers.Metaspace("▁", "always", True), decoders.Sequence([*llama_decoder, decoders.Strip(" ", 1, 0)])),
]
pathlib.Path(__file__).with_name("tokenizers.json").write_text(json.dumps(found, ensure_ascii=True, separators=(",", ":")) + "\n")
