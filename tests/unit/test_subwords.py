"""Subwords: the same numbers in Hugging Face's tokenizers and in the graph, for every language and every setting."""

import asyncio
import json
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import jinsu
from jinsu.packaging.manifest import Input, Manifest
from jinsu.packaging.onnx_model import OnnxModel
from jinsu.packaging.package import package
from jinsu.sdk.saving import example_of, named_tokenizers, save_model
from jinsu.sdk.subword_rules import assigned
from jinsu.sdk.subwords import Subwords
from jinsu.serving.service import Service

KNOWN = [
    "한국어를 배우는 사람들이 많습니다", "서울에서 부산까지 기차로 갑니다", "사람을 만나서 이야기를 합니다",
    "evlerimizden gelenlerin İstanbul'da ışıkları", "kitaplarımızdaki güzelliklerden bahsediyorlar",
    "juoksentelisinkohan talossammekin", "taloissammekin on hyvää ruokaa", "日本語の文章です 中文字符测试",
    "The quick brown fox's don't jump 123 4567", "I can't believe it's 2024! We're, they've, I'll, he'd, I'm",
    "emoji 😀👍🏽 family 👨‍👩‍👧 (brackets) and - dashes", "мама мыла раму", "مرحبا بالعالم", "हिन्दी भाषा",
]  # fmt: skip
HARD = [
    "", " ", "   ", "\x00", "a\x00b", "서울에서 온 사람", "İSTANBUL'DA IŞIK ışık", "  two  spaces  ", "don't   stop\t\n 12345 !!?",
    "'s", "''s", "!'s", " 's", "\n's", "a'sb", "a's's", "1's", "'re've", "'r", "x'll", "a  'll", "ab\n\n c", "end  ", "end\n",
    "😀👍🏽 👨‍👩‍👧", "café ﬁ Ⅷ ①", "e\u0301", "\u1100\u1161\u11a8", "<s> [CLS] </s> <unk> ##ing", "▁▁a ▁",
    "\u200b zero\u00a0nbsp\u3000wide",
    "x" * 3000, "한" * 700, "\ue000 \U0010ffff \u0378", "word\u2028line", "A" * 99 + " " + "b" * 101,
]  # fmt: skip
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]


def trained(
    model: Any, pre: Any, normalizer: Any = None, trainer: Callable[..., Any] | None = None, size: int = 400
) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.normalizer = pre, normalizer  # type: ignore[assignment]
    kinds = {"BPE": trainers.BpeTrainer, "Unigram": trainers.UnigramTrainer, "WordPiece": trainers.WordPieceTrainer}
    more = {"unk_token": "<unk>"} if type(model).__name__ == "Unigram" else {}
    with_bytes = (
        {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()} if isinstance(pre, pre_tokenizers.ByteLevel) else {}
    )
    make = trainer or kinds[type(model).__name__]
    tokenizer.train_from_iterator(
        KNOWN, make(vocab_size=size, special_tokens=SPECIAL, show_progress=False, **more, **with_bytes)
    )
    return tokenizer


def framed(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return tokenizer


SENTENCE_PIECE = normalizers.Sequence(
    [normalizers.NFKC(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
)
MAKERS: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": lambda: trained(models.BPE(), pre_tokenizers.ByteLevel(add_prefix_space=False), size=700),
    "roberta": lambda: framed(trained(models.BPE(), pre_tokenizers.ByteLevel(add_prefix_space=True), size=700)),
    "bert": lambda: framed(
        trained(models.WordPiece(unk_token="<unk>"), pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer())
    ),
    "bert with case": lambda: trained(
        models.WordPiece(unk_token="<unk>"),
        pre_tokenizers.BertPreTokenizer(),
        normalizers.BertNormalizer(lowercase=False, strip_accents=False),
    ),
    "word pieces between marks": lambda: trained(models.WordPiece(unk_token="<unk>"), pre_tokenizers.Whitespace()),
    "sentencepiece unigram": lambda: trained(models.Unigram(), pre_tokenizers.Metaspace(), SENTENCE_PIECE),
    "xlm-roberta": lambda: framed(
        trained(
            models.Unigram(),
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
            normalizers.NFKC(),
        )
    ),
    "unigram of whole texts": lambda: trained(models.Unigram(), pre_tokenizers.Metaspace(split=False), size=300),
    "sentencepiece bpe": lambda: trained(
        models.BPE(unk_token="<unk>", fuse_unk=True), pre_tokenizers.Metaspace(prepend_scheme="first"), size=300
    ),
    "bpe of characters": lambda: trained(
        models.BPE(unk_token="<unk>"),
        pre_tokenizers.Metaspace(prepend_scheme="never"),
        normalizers.Lowercase(),
        size=200,
    ),
    "bpe that drops": lambda: trained(models.BPE(), pre_tokenizers.WhitespaceSplit(), normalizers.NFD(), size=150),
}


@cache
def pair(name: str) -> tuple[Subwords, Any]:
    """The subwords, and their graph as a function of texts."""
    import onnxruntime

    subwords = Subwords(MAKERS[name](), length=24, characters=96)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(subwords._graph(20, 10).SerializeToString(), options)
    return subwords, lambda texts: session.run(None, {"input": np.array(texts, dtype=object)})[0]


@pytest.mark.parametrize("name", MAKERS)
def test_the_graph_numbers_hard_texts_as_the_tokenizer_does(name: str) -> None:
    subwords, graph = pair(name)
    wanted = subwords([*KNOWN, *HARD])
    for text, row in zip([*KNOWN, *HARD], wanted.tolist(), strict=True):
        assert graph([text])[0].tolist() == row, text
    assert graph([*KNOWN, *HARD]).tolist() == wanted.tolist()


SCRIPTS = (
    st.text(st.sampled_from("한국어를배우는사람ㄱㅏ "))
    | st.text(st.sampled_from("evlrizdğışçöüİI' "))
    | st.text(st.sampled_from("juoksentlihaäöÄÖ "))
    | st.text(st.sampled_from("'sdtmrevl 1!a\n\t"))
    | st.text(st.sampled_from("😀👨‍👩‍👧🏽日本語σςΣßẞé\u0301\u200d\u00a0\t\n\x00▁ "))
    | st.text(st.characters(codec="utf-8"))
)


@pytest.mark.parametrize("name", MAKERS)
@given(texts=st.lists(SCRIPTS, min_size=1, max_size=4))
@example(texts=["", ""])
@example(texts=["Ω ♞ ☃ a", "☃ ☃ ☃ ☃ 한"])  # whole words may be dropped
@settings(deadline=None, max_examples=150)
def test_the_graph_numbers_any_texts_as_the_tokenizer_does(name: str, texts: list[str]) -> None:
    subwords, graph = pair(name)
    assert graph(texts).tolist() == subwords(texts).tolist()


@pytest.mark.parametrize("name", ["gpt2", "bert", "sentencepiece unigram"])
def test_every_character_of_unicode_is_read_alike(name: str) -> None:
    subwords, graph = pair(name)
    joined = "".join(assigned())
    texts = [f"a{joined[start : start + 12]}b" for start in range(0, len(joined), 12)]
    for start in range(0, len(texts), 4000):
        part = texts[start : start + 4000]
        differ = np.flatnonzero((graph(part) != subwords(part)).any(axis=1))
        assert not len(differ), ascii(part[differ[0]])


@pytest.mark.parametrize("name", MAKERS)
def test_composed_text_gets_the_numbers_of_the_original_tokenizer(name: str) -> None:
    original, length = MAKERS[name](), 100
    subwords = Subwords(original, length=length, characters=200)
    for text in [*KNOWN, "서울에서 온 사람 ", "It's 99 % of İstanbul!", "ääkköset  ja ışık"]:
        assert unicodedata.is_normalized("NFC", text)
        ids = original.encode(text).ids
        assert subwords([text])[0].tolist() == ids + [subwords.pad] * (length - len(ids))


# With models


class Mean(torch.nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.table, self.scores = torch.nn.Embedding(size, 8), torch.nn.Linear(8, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.scores(self.table(ids).mean(1))


def packaged(folder: Path, model: Any, subwords: Subwords) -> Path:
    texts = np.array([*KNOWN, *(text for text in HARD[:20] if text != "\x00")], dtype=object)  # NumPy drops it
    read = example_of(texts, None, None, {"input": subwords})
    saved = save_model(folder / "model", model, read, tokenizers={"input": subwords})
    package(saved, folder / "package", 1e-4, 1000.0)
    return folder / "package"


@pytest.mark.parametrize("name", MAKERS)
def test_a_torch_model_of_subwords_passes_packaging(tmp_path: Path, name: str) -> None:
    subwords = pair(name)[0]
    folder = packaged(tmp_path, Mean(subwords.size), subwords)
    assert Manifest.read(folder).inputs == (Input("input", "string", (-1,)),)
    domains = {node.domain for node in onnx.load(folder / "model.onnx").graph.node}
    assert domains <= {"", "ai.onnx.ml", "com.microsoft"}


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
def test_a_transformer_with_its_tokenizer_takes_texts(tmp_path: Path, name: str) -> None:
    import transformers

    torch.manual_seed(0)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=MAKERS[name](), pad_token="<pad>", unk_token="<unk>")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(fast), max_position_embeddings=32, pad_token_id=0, **sizes)
    model = transformers.BertForSequenceClassification(config)
    folder = packaged(tmp_path, model, jinsu.Subwords(fast, length=24))
    texts = ["한국어를 배우는 사람들이", "Taloissammekin on hyvää ruokaa", "a"]
    read = fast(texts, padding="max_length", max_length=24, truncation=True, return_tensors="pt")
    with torch.no_grad():
        wanted = model.eval()(input_ids=read["input_ids"], attention_mask=read["attention_mask"]).logits
    (found,) = OnnxModel(folder).run((np.array(texts, dtype=object),))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "bert", "sentencepiece unigram"])
def test_the_server_reads_hard_texts_as_the_script_does(tmp_path: Path, name: str) -> None:
    subwords = pair(name)[0]
    model = Mean(subwords.size)
    service = Service(packaged(tmp_path, model, subwords), "model", "1")
    try:
        reply = asyncio.run(service.respond("POST", "/invocations", json.dumps({"inputs": HARD}).encode()))
    finally:
        service.close()
    assert reply.status == 200, reply.body
    with torch.no_grad():
        wanted = model(torch.from_numpy(subwords(HARD))).numpy()
    np.testing.assert_allclose(json.loads(reply.body)["predictions"], wanted, rtol=1e-4, atol=1e-5)


def test_a_tokenizer_of_the_library_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SystemExit, match=r"tokenizer: Tokenizer is no tokenizer for the graph; give jinsu.Subwords\(…\)"
    ):
        named_tokenizers({"input": MAKERS["gpt2"]()})  # type: ignore[dict-item]


def test_a_tokenizer_is_loaded_from_its_file(tmp_path: Path) -> None:
    original = MAKERS["gpt2"]()
    original.save(str(tmp_path / "tokenizer.json"))
    assert (
        Subwords(tmp_path / "tokenizer.json", length=9)(KNOWN).tolist() == Subwords(original, length=9)(KNOWN).tolist()
    )


def changed(name: str, **parts: Any) -> Callable[[], Tokenizer]:
    """A tokenizer with other parts of its JSON; `model` is merged into the model."""

    def make() -> Tokenizer:
        document = json.loads(MAKERS[name]().to_str())
        merged = {**document["model"], **parts.get("model", {})}
        return Tokenizer.from_str(json.dumps({**document, **parts, "model": merged}))

    return make


CANNOT: dict[str, tuple[Callable[[], Any], str]] = {
    "a word level model": (
        lambda: Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>")),
        "the model WordLevel cannot be carried",
    ),
    "bytes as the last resort": (
        changed("sentencepiece bpe", model={"byte_fallback": True}),
        "byte_fallback cannot be carried",
    ),
    "a pattern of its own": (
        changed(
            "gpt2", pre_tokenizer={"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated", "invert": False}
        ),
        "the pre-tokenizer Split cannot be carried",
    ),
    "a normalizer of several characters": (
        changed("bpe of characters", normalizer={"type": "Prepend", "prepend": "x"}),
        "the normalizer Prepend cannot be carried",
    ),
    "no padding": (
        lambda: Tokenizer(models.BPE({"a": 0}, [])),
        "it has no padding token",
    ),
    "something else": (lambda: object(), "object is no tokenizer of the package `tokenizers`"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_a_tokenizer_that_cannot_be_carried_is_named(name: str) -> None:
    make, sentence = CANNOT[name]
    with pytest.raises(SystemExit, match=sentence):
        Subwords(make())


def test_a_length_without_room_is_refused() -> None:
    with pytest.raises(SystemExit, match="length=2 leaves no room between 2 special tokens"):
        Subwords(MAKERS["roberta"](), length=2)


@pytest.mark.parametrize(
    "model",
    [
        models.Unigram(
            [("<pad>", 0.0), ("<unk>", 0.0), ("▁", -3.0), (" ", -19.0), ("▁a", -2.0), ("a b", -1.0)], 1, False
        ),
        models.BPE({"<pad>": 0, "<unk>": 1, "▁": 2, " ": 3, "a": 4, "▁a": 5, " a": 6}, [("▁", "a")], unk_token="<unk>"),
    ],
    ids=["unigram", "bpe"],
)
def test_a_piece_with_a_space_never_fits_where_spaces_become_low_lines(model: Any) -> None:
    import onnxruntime

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    subwords = Subwords(tokenizer, length=12)
    session = onnxruntime.InferenceSession(subwords._graph(20, 10).SerializeToString())
    texts = ["a", "a b", " ", "a  a", "é"]
    assert session.run(None, {"input": np.array(texts, dtype=object)})[0].tolist() == subwords(texts).tolist()
    assert 3 not in subwords(texts)


def test_special_tokens_stand_at_both_ends_where_the_vocabulary_has_no_letter_of_english() -> None:
    vocabulary = {"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, "한": 4, "국": 5, "한국": 6}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("한", "국")]))
    tokenizer.add_special_tokens(SPECIAL)
    assert Subwords(framed(tokenizer), length=6)(["한국한", "a"]).tolist() == [[2, 6, 4, 3, 0, 0], [2, 3, 0, 0, 0, 0]]


def test_a_token_added_to_the_vocabulary_is_refused() -> None:
    tokenizer = MAKERS["gpt2"]()
    tokenizer.add_tokens(["product"])
    with pytest.raises(SystemExit, match="the added token 'product' is not special"):
        Subwords(tokenizer)
