#!/usr/bin/env python3
"""Measures training on a large text file: seconds before the first step and peak memory, without and with kept tokens.

    python Tools/compare/text_stream.py [--bytes 1000000000] [--base starter] [--puna .build/release/puna]

Makes files of English and Chinese documents, as they stand and as JSON lines, of that size and of a tenth of it; needs about five times
the size in TMPDIR. Ends with an error where the larger file takes more than --growth bytes beyond what the smaller one does: memory must
not grow with files.
"""
import argparse
import json
import os
import random
import subprocess
import tempfile
import time


def sentences(count):
    """English and Chinese sentences whose words are as frequent as Zipf's."""
    letters, weights = "etaoinshrdlucmfwypvbgkjqxz", range(26, 0, -1)
    words = ["".join(random.choices(letters, weights, k=random.randint(2, 10))) for _ in range(20_000)]
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 4000)]
    frequent = [[1 / (rank + 10) for rank in range(len(units))] for units in (words, characters)]
    for _ in range(count):
        if random.random() < 0.35:
            yield "".join(random.choices(characters, frequent[1], k=random.randint(8, 40))) + random.choice("。！？，")
        else:
            yield " ".join(random.choices(words, frequent[0], k=random.randint(5, 25))).capitalize() + random.choice([". ", "? ", ".\n"])


def write(path, size, pool):
    done = 0
    with open(path, "wb") as file:
        while done < size:
            document = "".join(random.choices(pool, k=1 + int(random.expovariate(1 / 25))))
            done += file.write((json.dumps({"text": document}, ensure_ascii=False) if path.endswith("l") else document).encode() + b"\n")


def run(puna, recipe, folder, cache):
    """Seconds until the run says what it begins with, and peak memory in bytes."""
    began = time.monotonic()
    process = subprocess.Popen(
        [puna, "train", recipe, "--overwrite", f"data.token_cache={cache}"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    first = None
    for line in process.stderr:
        if first is None and line.startswith("base "):
            first = time.monotonic() - began
    _, status, usage = os.wait4(process.pid, 0)
    if status or first is None:
        raise SystemExit("puna failed")
    return first, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--base", default="starter")
    parser.add_argument("--growth", type=int, default=100_000_000)
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    random.seed(7)
    pool = list(sentences(50_000))
    for name in ("text.txt", "rows.jsonl"):
        peaks = {}
        for size in (options.bytes // 10, options.bytes):
            with tempfile.TemporaryDirectory() as folder:
                write(f"{folder}/{name}", size, pool)
                recipe = f"{folder}/recipe.yaml"
                with open(recipe, "w") as file:
                    file.write(f"""base: {options.base}
data: {{train: {folder}/{name}, format: text, validation: 20}}
training: {{max_steps: 2, batch_size: 4}}
output: {folder}/run
""")
                for what, cache in (("not kept", "none"), ("kept", f"{folder}/tokens"), ("found", f"{folder}/tokens")):
                    first, peak = run(options.puna, recipe, folder, cache)
                    peaks.setdefault(what, []).append(peak)
                    print(f"{name}, {size / 1e9:.2f} GB, tokens {what}: {first:.1f} s before step 1, peak {peak / 1e6:.0f} MB", flush=True)
        for what, (small, large) in peaks.items():
            if large > small + options.growth:
                raise SystemExit(f"{name}, tokens {what}: ten times the text took {(large - small) / 1e6:.0f} MB more")


if __name__ == "__main__":
    main()
