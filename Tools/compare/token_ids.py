#!/usr/bin/env python3
"""Ids of `puna tokenize` against those of the libraries that own the formats.

    python Tools/compare/token_ids.py TOKENIZER... [--text FILE]... [--megabytes 1] [--seed 1] [--time] [--puna .build/release/puna]

Each TOKENIZER is a tokenizer file or a folder. A text is a file given with --text, or one that is made from the seed: words of English,
Chinese without spaces, code, and any characters that Unicode assigns. Needs sentencepiece, tokenizers and tiktoken from PyPI. Prints a
table, and fails when an id differs or when decoding does not restore a text. With --time every text is repeated to 20 MB and timed.

Unigram models have ties that sentencepiece breaks in another way since 0.2: compare those with the version that Puna is linked to.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unicodedata
from importlib.metadata import version

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


class SentencePiece:
    def __init__(self, path):
        import sentencepiece
        self.name = f"sentencepiece {version('sentencepiece')}"
        self.model = sentencepiece.SentencePieceProcessor(model_file=path)

    def encode(self, text):
        return self.model.encode(text)

    def decode(self, ids):
        return self.model.decode(ids)

    def spells(self, character):
        return True


class Tokenizers:
    def __init__(self, path):
        import tokenizers
        self.name = f"tokenizers {version('tokenizers')}"
        self.model = tokenizers.Tokenizer.from_file(path)
        self.model.no_truncation()
        self.model.no_padding()
        # Names of special tokens in a text are text.
        self.model.encode_special_tokens = True
        model = json.loads(self.model.to_str())["model"]
        self.isByteLevel = not model["byte_fallback"]
        self.vocabulary = model["vocab"]
        printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        others = [byte for byte in range(256) if byte not in printable]
        spelling = {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + index) for index, byte in enumerate(others)}
        self.missing = {byte for byte in range(256) if spelling[byte] not in self.vocabulary}

    def encode(self, text):
        return self.model.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self.model.decode(ids)

    def spells(self, character):
        """The library leaves out what a byte-level vocabulary cannot spell; Puna refuses it."""
        return not self.isByteLevel or not self.missing.intersection(character.encode())


class Tiktoken:
    def __init__(self, path):
        import tiktoken
        from tiktoken.load import load_tiktoken_bpe
        self.name = f"tiktoken {version('tiktoken')}"
        self.model = tiktoken.Encoding("llama3", pat_str=PATTERN, mergeable_ranks=load_tiktoken_bpe(path), special_tokens={})

    def encode(self, text):
        return self.model.encode(text, disallowed_special=())

    def decode(self, ids):
        return self.model.decode(ids)

    def spells(self, character):
        return True


def library(path):
    if os.path.isdir(path):
        names = ["tokenizer.model", "tokenizer.json", "original/tokenizer.model"]
        path = next(os.path.join(path, name) for name in names if os.path.exists(os.path.join(path, name)))
    with open(path, "rb") as file:
        beginning = file.read(64)
    if beginning.lstrip().startswith(b"{"):
        return Tokenizers(path)
    first = beginning.split(b"\n")[0].split(b" ")
    return Tiktoken(path) if len(first) == 2 and first[1].isdigit() else SentencePiece(path)


def made_texts(seed, size):
    generator = random.Random(seed)

    def fill(part):
        text, length = [], 0
        while length < size:
            text.append(part())
            length += len(text[-1].encode())
        return "".join(text)

    syllables = ["an", "be", "con", "de", "er", "for", "ing", "ion", "le", "ment", "ness", "or", "re", "s", "th", "tion", "un", "ver", "y", "I"]
    ends = [" "] * 12 + [", ", ". ", ".\n", "\n\n", "'s ", "'LL ", "  ", " (", ") ", " 12", " 2024 ", "-", "...", "!?", "\t"]

    def english():
        return "".join(generator.choices(syllables, k=generator.randint(1, 4))) + generator.choice(ends)

    def chinese():
        return "".join(chr(generator.randint(0x4E00, 0x9FA5)) for _ in range(generator.randint(1, 9))) + generator.choice("，。的是了不我一在人有他这\n")

    def code():
        indent = generator.choice(["", "    ", "        ", "\t", "\t\t"])
        name = generator.choice(["index", "self.count", "x1", "HTTPServer", "_private", "ñandú", "0xFF", "3.14e-10", "\"\\n\"", "'s'"])
        return f"{indent}{name}{generator.choice([' = ', '(', ' += ', '->', '::', '[i++] '])}{generator.randint(0, 10**9)}{generator.choice([')', ';', ' # ', ''])}\n"

    # Libraries and Swift follow different versions of Unicode; Python's is older than all of them.
    assigned = [chr(value) for value in range(0x110000) if unicodedata.category(chr(value)) not in ("Cn", "Cs", "Co")]
    controls = ["</s>", "<s>", "<|eot_id|>", "<|endoftext|>", "<unk>", "<0x0A>", "\u2581", "\u2581\u2581", "'\u017f", "\r\n", "\u00a0", "\u3000", " "]

    def characters():
        return generator.choice(controls) if generator.random() < 0.2 else generator.choice(assigned)

    return {"English": fill(english), "Chinese": fill(chinese), "code": fill(code), "Unicode": fill(characters)}


def puna(options, path, *arguments):
    found = subprocess.run([options.puna, "tokenize", path, *arguments], capture_output=True, text=True)
    if found.returncode:
        sys.exit(f"puna tokenize {path}: {found.stderr}")
    return json.loads(found.stdout)


def compare(options, path, texts, folder):
    peer = library(path)
    failures = 0
    for name, text in texts.items():
        text = "".join(character for character in text if peer.spells(character))
        file = os.path.join(folder, "text")
        if options.time:
            text = (text * (20_000_000 // len(text.encode()) + 1)).encode()[:20_000_000].decode(errors="ignore")
        with open(file, "w", newline="") as output:
            output.write(text)
        start = time.time()
        found = puna(options, path, "--file", file, "--json")["ids"]
        seconds = time.time() - start
        start = time.time()
        expected = peer.encode(text)
        peer_seconds = time.time() - start
        result = "equal"
        if found != expected:
            place = next((index for index, pair in enumerate(zip(found, expected)) if pair[0] != pair[1]), min(len(found), len(expected)))
            result = f"DIFFERENT at token {place}: {found[place:place + 6]}, expected {expected[place:place + 6]}"
            failures += 1
        print(f"{path:44} {peer.name:22} {name:10} {len(text.encode()):10} {len(expected):9} {seconds:8.2f} {peer_seconds:8.2f}  {result}", flush=True)
        # What a line of command line arguments holds.
        beginning = text[:5_000]
        with open(file, "w", newline="") as output:
            output.write(beginning)
        ids = puna(options, path, "--file", file, "--json")["ids"]
        decoded = puna(options, path, "--decode", " ".join(map(str, ids)), "--json")["text"]
        # Models that normalise a text do not restore it.
        if decoded != beginning and decoded != peer.decode(ids):
            print(f"{path}: {name}: decoding gives neither the text nor what the library gives")
            failures += 1
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizers", nargs="+")
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--megabytes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    texts = made_texts(options.seed, int(options.megabytes * 1e6))
    for name in options.text:
        with open(name, newline="") as file:
            texts[os.path.basename(name)[:10]] = file.read()
    print(f"{'tokenizer':44} {'library':22} {'text':10} {'bytes':>10} {'tokens':>9} {'puna s':>8} {'lib. s':>8}")
    with tempfile.TemporaryDirectory() as folder:
        failures = sum(compare(options, path, texts, folder) for path in options.tokenizers)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
