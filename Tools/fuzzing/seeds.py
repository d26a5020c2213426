#!/usr/bin/env python3
"""Writes the valid files that fuzzing starts from into Tests/Fuzzing/corpus, a few hundred bytes to a few kilobytes each.

    python3 -m venv peer && peer/bin/pip install torch numpy safetensors tokenizers sentencepiece
    peer/bin/python Tools/fuzzing/seeds.py

Each is made by the program whose format it is; those of tokens are entries that the cache of the reader itself has written. Inputs that fuzzing found are named crash-*, timeout-* and oom-* and stay as they are.
"""
import base64
import bz2
import collections
import gzip
import json
import pathlib
import tempfile

import sentencepiece
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

CORPUS = pathlib.Path(__file__).parents[2] / "Tests" / "Fuzzing" / "corpus"
TEXT = ["the cat and the hat", "they respond in the report", "a restless sea, 1234 times", "你好 世界", "naïve café\n\n  indented"] * 20


def folder(name):
    path = CORPUS / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def text(reader, name, value):
    (folder(reader) / name).write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def metrics():
    step = {"event": "step", "step": 1, "epoch": 0.5, "loss": 2.5, "learning_rate": 3e-4, "gradient_norm": 1.5, "tokens": 100}
    lines = [
        {"event": "warning", "step": 0, "kind": "template", "text": "Look."},
        {"event": "validation", "step": 0, "loss": 3.5, "tokens": 10, "seconds": 0.5},
        step | {"supervised_tokens": 40, "seconds": 2.0},
        step | {"step": 2, "epoch": 1.0, "loss": 0.125, "seconds": 2.0},
        {"event": "validation", "step": 2, "loss": None, "seconds": 0.5},
        {"event": "samples", "step": 2, "samples": [{"instruction": "Say é.", "input": "", "expected": "é", "answer": "é"}]},
    ]
    text("metrics", "short", "".join(json.dumps(line) + "\n" for line in lines))
    text("metrics", "cut", "".join(json.dumps(step | {"step": n}, separators=(",", ":")) + "\n" for n in range(1, 9)) + '{"event":"st')


def safetensors():
    here = folder("safetensors")
    save_file({"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.bfloat16)}, here / "two", metadata={"format": "pt"})
    save_file({f"model.layers.{i}.x": torch.ones(1, 2, dtype=torch.float16) for i in range(4)}, here / "four")
    save_file({"empty": torch.zeros(0, 5), "scalar": torch.tensor(3)}, here / "odd")


def torch_files():
    here = folder("torch")
    weights = collections.OrderedDict(a=torch.ones(2, 3), b=torch.zeros(4, dtype=torch.bfloat16))
    weights["view"] = torch.arange(12, dtype=torch.float32).view(3, 4)[:, 1:3]
    weights["shared"] = weights["a"]
    torch.save(weights, here / "zip")
    torch.save({"model": weights, "step": 3, "name": "x", "rate": 1e-3, "flags": [True, None, (1, 2)]}, here / "wrapped")
    torch.save({"p": torch.nn.Parameter(torch.ones(1, 2, dtype=torch.float16))}, here / "parameter")
    torch.save(weights, here / "legacy", _use_new_zipfile_serialization=False)


def documents():
    names = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 1, 2)]
    text("index", "index", {"metadata": {"total_size": 1000}, "weight_map": dict(zip(names, shards))})
    llama1 = {"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-06, "vocab_size": -1}
    llama3 = {"dim": 2048, "ffn_dim_multiplier": 1.5, "multiple_of": 256, "n_heads": 32, "n_kv_heads": 8, "n_layers": 16, "norm_eps": 1e-05,
              "rope_theta": 500000.0, "use_scaled_rope": True, "vocab_size": 128256}
    text("parameters", "llama-1", llama1)
    text("parameters", "llama-3", {"model": llama3})


def rows():
    alpaca = [{"instruction": "Name a bird.", "input": "", "output": "A wren."}, {"instruction": "Say \"\\u00e9\".", "input": "x", "output": "é"}]
    text("rows", "alpaca", alpaca)
    text("rows", "alpaca-lines", "".join(json.dumps(row) + "\n" for row in alpaca))
    text("rows", "tokens", [{"ids": [1, 5, 6, 2], "prompt_length": 2}, {"ids": [1, 7, 2], "prompt_length": 0}])
    turns = [("system", "Be brief."), ("user", "Name a bird."), ("assistant", "A wren."), ("user", "Another."), ("assistant", "A tit.")]
    text("rows", "chat", [{"messages": [{"role": role, "content": content} for role, content in turns]}])
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    text("rows", "sharegpt", [{"conversations": [{"from": names[role], "value": content} for role, content in turns]}])
    text("rows", "text", "".join(json.dumps({"text": line}) + "\n" for line in TEXT[:5]))


def published():
    """Questions in the forms that evaluations read."""
    text("published", "mmlu", "What is red?,Mars,\"Venus, \"\"too\"\"\",the Sun,no,A\nWhat is big?,an ant,a cat,the Sun,no,C\n")
    text("published", "cmmlu", "\ufeff,Question,A,B,C,D,Answer\r\n0,\"什么\r\n红\",火星,金星,太阳,不,A\r\n")
    science = {"id": "a", "question": {"stem": "What falls?", "choices": [
        {"text": "rain", "label": "A"}, {"text": "a hill", "label": "B"}]}, "answerKey": "A"}
    text("published", "arc", json.dumps(science) + "\n")
    text("published", "truthfulqa", [{"question": "What falls?", "mc1_targets": {"Rain.": 1, "Sky.": 0}, "mc2_targets": {"Rain.": 1, "Sky.": 0}}])
    text("published", "hellaswag", "Roof: a man. he\n1\nsits.\nfalls.\nis [x].\nruns.\n")
    text("published", "winogender", "sentid\tsentence\nnurse.patient.1.male.txt\tThe nurse told the patient that his blood was red.\n")
    text("published", "triviaqa", {"Data": [{"Question": "Who?", "QuestionId": "1", "Answer": {"Value": "Ann", "Aliases": ["Ann"]}}]})
    text("published", "wikitext", " = One = \n \n He said \" a , b \" ( or 1 @,@ 000 ) . \n = Two = \n")
    solved = json.dumps({"question": "What is 1 + 1?", "answer": "1 + 1 = <<1+1=2>>2\n#### 2"}).encode() + b"\n"
    (folder("published") / "gzip").write_bytes(gzip.compress(solved, mtime=0))
    (folder("published") / "bzip2").write_bytes(bz2.compress(solved))


def tokenizers():
    llama = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    llama.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    llama.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    vocabulary = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>", "<0x41>", "<0xC3>", "▁", "t", "h", "e", "a", "▁t", "he", "▁the"])}
    llama.model = models.BPE(vocabulary, [("▁", "t"), ("h", "e"), ("▁t", "he")], byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    llama.add_special_tokens(["<unk>", "<s>", "</s>"])
    llama.add_tokens([AddedToken("cat", single_word=True, lstrip=True)])
    llama.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    llama.enable_truncation(7)
    llama.save(str(folder("tokenizer-json") / "llama"))
    bytes_only = Tokenizer(models.BPE({"a": 0, "b": 1, "Ġ": 2, "Ġa": 3, "ab": 4}, [("Ġ", "a"), ("a", "b")], ignore_merges=True))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    bytes_only.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens(["<|end|>"])
    bytes_only.save(str(folder("tokenizer-json") / "byte-level"))
    bytes_only.normalizer = normalizers.NFC()
    bytes_only.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)])
    bytes_only.save(str(folder("tokenizer-json") / "digits"))


def tiktoken():
    tokens = [bytes([byte]) for byte in range(256)] + [b"th", b"the", b" the", b" t", "é".encode(), b"  "]
    text("tiktoken", "small", "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)))


def sentencepieces():
    with tempfile.TemporaryDirectory() as place:
        for kind in ["bpe", "unigram"]:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(TEXT), model_prefix=f"{place}/{kind}", model_type=kind, vocab_size=320, byte_fallback=True,
                hard_vocab_limit=False, normalization_rule_name="identity", minloglevel=2)
            (folder("sentencepiece") / kind).write_bytes(pathlib.Path(f"{place}/{kind}.model").read_bytes())


if __name__ == "__main__":
    safetensors()
    torch_files()
    documents()
    rows()
    published()
    metrics()
    tokenizers()
    tiktoken()
    sentencepieces()
