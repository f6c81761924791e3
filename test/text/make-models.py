"""Writes models.json.gz beside it: small tokenizers of each kind but plain BPE, with what the `tokenizers` library makes of hostile texts.

pip install transformers==5.5.4 tokenizers==0.22.2 sentencepiece==0.2.3 protobuf; python make-models.py
With paths of tokenizer.json files it writes what the library makes of the texts with those, to real.json.gz in the working folder.
"""
import gzip
import io
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

corpus = [
    "The quick brown fox jumps over the lazy dog. It's 1234 o'clock, isn't it? We'll see; they've I'd you're 'm.",
    "def f(x):\n    return x + 1\n\n\tprint('hello   world')\r\n" * 3,
    "Ünïcödé naïve café résumé 日本語のテキスト 中文字符 русский текст عربى हिन्दी ไทย 한국어 텍스트",
    "½ ² ① Ⅷ ٣ ４２ 3.14159 1,000,000 2024-05-01",
    "👍🏽 👨‍👩‍👧‍👦 🦙.cpp e\u0301 \ufb01 ﷺ \u00a0\u2003\u3000",
    "hello hello world worlds wording word the there then them a an and any do not don't",
] * 6
special = ["<unk>", "<s>", "</s>", "<pad>"]


def hostile_texts():
    texts = [
        "", " ", "  ", "\n", "\n\n\n", "\t\n x", "Hello world", " Hello", "  Hello  world  ", "it's we'll THEY'VE I'd", "do not don't doesn ' t",
        "x=1; y = 22 + 333 # 4444", "½ ² ① Ⅷ ٣ ４２", "1234567", "café e\u0301 \ufb01 ﷺ", "日本語のテキスト", "русский текст", "👍🏽 👨‍👩‍👧‍👦 🦙.cpp",
        "a\u00a0b\u2003c\u3000d", "a\ufeffb\ufeff c", "a\u0085b \u0085 c", "line\r\nline\r\n\r\nend ", "<s> x </s>", "<s><s>x<unk>y<unk>", "a<tool>b", "a <tool> b",
        "x<word>y x <word> y", "  <left>  x", "x  <right>  y", "<left>", "</s", "▁x ▁ y", "▁▁▁a▁▁", "##a ##", "a##b", "@@", "$& $1 $$", "Ａｂｃ", "ΣΑΣ ς İI ı ß ẞ", "a.b,c!d?e",
        "((()))[]{}", "\U00012345 \U0001F600", "<0x41><0x0A>", "<0xE3><0x81>", "é" * 300, "a" * 100, "a" * 101, "a " * 60, "the" * 70, "\u0000a\u0000", "\u0001\u001f\u007f\u008f\u009f\u200b\u200e\ufffd",
        "한국어 텍스트", "\u1112\u1161\u11ab\u1100", "हिन्दी क्षि", "ไทยกำ", "عَرَبِيّ", "e\u0301\u0323 e\u0323\u0301 o\u0302\u0301\u0308", "\u0344 \u0958 \u212b \u2126 \u1e9b\u0323", "Å Å A\u030a",
        "ﬁﬂﬀﬃ ㌀ ㍿ ㎏ ℡ ™ …", "ｱｶﾞﾊﾟ", "\u3099か\u3099 は\u309a", "🇩🇪🇫🇷🇯🇵", "✌\ufe0f1\ufe0f\u20e3 #\ufe0f", "a\u200db a\u200cb", "\u0600\u0661 \u06dd1", "`` quoted '' \"x\"",
        "32ff: \u32ff", "\u2e52\u2e5d \U00010eab a\u0898\u0301", "𝒜𝓑𝔠 𝟘𝟙", "¼⅓ 10⁻³ H₂O", "\u1806 \u00b7 ¿¡ «» — – ‐", "+<=>^`|~$", "\ud7ff \ue000 \uffff", "x\u0301" * 20, "\u0301\u0301", "中文 mixed中文text",
    ]
    alphabets = [
        "abcdefghijklmnopqrstuvwxyz    ", "ABCdéÜß'.,!? -_#@", "0123456789 ٣４²½", "\t\n\r \u00a0\u2003\u3000\u200b\u0085\u2028▁", "日本語のテキスト中文字符ｱﾞ한국", "русский текст ", "हिन्दी ไทย عربى",
        "\u0301\u0323\u0308\u0307\u0345\u0653\u3099ae", "👍🏽👨\u200d👩🇩🇪\ufe0f\u20e31", "<s></unk>[]##@@", "ﬁﷺ①Ⅷ㍿℡™", "\u0000\u0001\u007f\u00ad\u200e\ufffd\ufeffx",
    ]
    words = ["hello", "world", "the", "there", "isn't", "do not", "<s>", "</s>", "<tool>", "<word>", "<left>", "<right>", "café", "日本語", "<unk>", " ", "  ", ".", " ?", " '", "##er", "@@x", "▁"]
    pick = random.Random(14)
    while len(texts) < 320:
        kinds = pick.sample(alphabets, pick.randint(1, 3))
        parts = ["".join(pick.choice(pick.choice(kinds)) for _ in range(pick.randint(1, 9))) if pick.random() < 0.6 else pick.choice(words) for _ in range(pick.randint(1, 7))]
        texts.append("".join(parts))
    return texts


texts = hostile_texts()


def added():
    return [
        AddedToken("<tool>", special=False, normalized=True),
        AddedToken("<word>", special=False, normalized=False, single_word=True),
        AddedToken("<left>", special=True, normalized=False, lstrip=True),
        AddedToken("<right>", special=True, normalized=False, rstrip=True),
    ]


def rows(t):
    """For each text: ids; ids with special tokens around them; the first decoded without special tokens, and with. What equals its neighbour is left out. Nothing for a text that the model cannot write."""
    found = []
    for text in texts:
        try:
            full, bare = t.encode(text).ids, t.encode(text, add_special_tokens=False).ids
        except Exception:
            found.append([])
            continue
        skipped, whole = t.decode(bare), t.decode(bare, skip_special_tokens=False)
        found.append([bare, *([] if full == bare else [full])] + [skipped, *([] if whole == skipped else [whole])])
    return found


def finish(name, t, around=("<s>", "</s>")):
    t.add_tokens(added())
    if around:
        single = [x for x in (around[0], "$A", around[1]) if x]
        t.post_processor = processors.TemplateProcessing(single=" ".join(single), special_tokens=[(x, t.token_to_id(x)) for x in around if x])
    return {"name": name, "tokenizer": json.loads(t.to_str()), "rows": rows(t)}


def cleaned(found):
    """As transformers 5.5.4 does with clean_up_tokenization_spaces."""
    from transformers import PreTrainedTokenizerFast

    t = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(found["tokenizer"])))
    found["cleaned"] = [t.decode(row[0], skip_special_tokens=True, clean_up_tokenization_spaces=True) for row in found["rows"]]
    return found


def charsmap(rule):
    """What SentencePiece's trainer writes into the models of T5, XLM-R (nmt_nfkc) and ALBERT (nmt_nfkc_cf)."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=out, vocab_size=120, normalization_rule_name=rule, hard_vocab_limit=False, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(out.getvalue())
    return normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)


def unigram(name, normalizer, pre, decoder, around=("<s>", "</s>"), change=None):
    t = Tokenizer(models.Unigram())
    t.normalizer, t.pre_tokenizer, t.decoder = normalizer, pre, decoder
    t.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False))
    if change:
        raw = json.loads(t.to_str())
        change(raw["model"])
        t = Tokenizer.from_str(json.dumps(raw))
    return finish(name, t, around)


def trained(name, model, trainer, normalizer, pre, decoder, around=("<s>", "</s>")):
    t = Tokenizer(model)
    t.normalizer, t.pre_tokenizer = normalizer, pre
    if decoder:
        t.decoder = decoder
    t.train_from_iterator(corpus, trainer)
    return finish(name, t, around)


def with_bytes(model):
    model["byte_fallback"] = True
    # Fewer characters, so that bytes are needed.
    model["vocab"] = [e for e in model["vocab"] if e[0] in special or ord(e[0][-1]) < 0x250 or e[0] == "▁"] + [[f"<0x{i:02X}>", -14.0] for i in range(256)]
    model["unk_id"] = [e[0] for e in model["vocab"]].index("<unk>")


def alike(model):
    """All pieces cost alike, and one stands twice: which way is taken depends on the order of the search."""
    model["vocab"] = [[piece, score if piece in special else -float(len(piece))] for piece, score in model["vocab"]]
    model["vocab"].append(["the", -2.5])


def without_unknown(model):
    model["unk_id"] = None


def make():
    nfkc, nfkc_cf = charsmap("nmt_nfkc"), charsmap("nmt_nfkc_cf")
    meta, Metaspace, Sequence = decoders.Metaspace(), pre_tokenizers.Metaspace, pre_tokenizers.Sequence
    llama = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    fused = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0)])
    bert = normalizers.BertNormalizer()
    piece = dict(special_tokens=special, show_progress=False)
    return [
        cleaned(unigram("t5", nfkc, Metaspace(), meta, (None, "</s>"))),
        unigram("xlm-r", normalizers.Sequence([nfkc, normalizers.Replace(Regex(" {2,}"), "▁")]), Sequence([pre_tokenizers.WhitespaceSplit(), Metaspace()]), meta),
        unigram("albert", normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), nfkc_cf, normalizers.Replace(Regex(" {2,}"), " ")]), Metaspace(), meta),
        unigram("unigram, bytes", None, Metaspace(prepend_scheme="first", split=False), llama, change=with_bytes),
        unigram("unigram, bytes, fused first", normalizers.Replace(Regex(r"\p{Zs}"), " "), Metaspace(), fused, change=with_bytes),
        unigram("unigram, ties", normalizers.Nmt(), Metaspace(prepend_scheme="never"), decoders.Metaspace(prepend_scheme="never"), change=alike),
        unigram("unigram, nothing unknown", None, pre_tokenizers.WhitespaceSplit(), None, None, change=without_unknown),
        unigram("unigram, normal forms", normalizers.Sequence([normalizers.NFKC(), normalizers.NFD(), normalizers.Strip()]), None, None, None),
        cleaned(trained("bert", models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=420, **piece), bert, pre_tokenizers.BertPreTokenizer(), decoders.WordPiece())),
        trained("bert, cased", models.WordPiece(unk_token="<unk>", max_input_chars_per_word=20, continuing_subword_prefix="@@"), trainers.WordPieceTrainer(vocab_size=420, continuing_subword_prefix="@@", **piece), normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False, strip_accents=True), Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous")]), decoders.WordPiece("@@", cleanup=False)),
        trained("word level", models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=200, **piece), None, pre_tokenizers.Whitespace(), None),
        trained("word level, fixed length", models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=300, **piece), normalizers.NFKD(), Sequence([pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.FixedLength(2)]), decoders.Strip("t", 1, 0), None),
        trained("gpt", models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=420, end_of_word_suffix="</w>", **piece), bert, pre_tokenizers.BertPreTokenizer(), decoders.BPEDecoder()),
        trained("bpe, prefix", models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True), trainers.BpeTrainer(vocab_size=420, continuing_subword_prefix="##", **piece), normalizers.NFC(), pre_tokenizers.Whitespace(), decoders.WordPiece()),
        trained("bpe, no decoder", models.BPE(unk_token="<unk>", fuse_unk=False), trainers.BpeTrainer(vocab_size=420, **piece), normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]), pre_tokenizers.Whitespace(), None),
        trained("clip", models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=620, end_of_word_suffix="</w>", initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **piece), normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]), Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), decoders.ByteLevel()),
    ]


found = [{"name": path, "rows": rows(Tokenizer.from_file(path))} for path in sys.argv[1:]] or make()
path = pathlib.Path("real.json.gz") if sys.argv[1:] else pathlib.Path(__file__).with_name("models.json.gz")
path.write_bytes(gzip.compress(json.dumps({"texts": texts, "tokenizers": found}, separators=(",", ":")).encode(), mtime=0))
