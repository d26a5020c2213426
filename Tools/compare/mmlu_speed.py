#!/usr/bin/env python3
"""Asks the same questions of MMLU with worked examples of Puna and of transformers, in turns, and compares questions per second.

    python Tools/compare/mmlu_speed.py --base BASE --data FOLDER [--subjects astronomy,...] [--limit 40] [--few-shot 5] [--repeats 3]
        [--puna .build/release/puna-benchmarks] [--batch 1,4,8] [--precision bfloat16]

FOLDER holds dev/SUBJECT_dev.csv and test/SUBJECT_test.csv with a header: question, four choices, the answer as a number; BASE has a
tokenizer.model. transformers computes every question once and reads the logits of the four letters after it, questions of about the same
length padded to batches: its best batch size of those given counts. Neither the start of the programs nor the loading of the base is timed.
Needs torch, transformers and sentencepiece. `swift build -c release --product puna-benchmarks` builds what is run.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import tempfile
import time

import sentencepiece
import torch
import transformers


def written(row, answered):
    text = row[0].strip() + "".join(f"\n{letter}. {choice}" for letter, choice in zip("ABCD", row[1:5])) + "\nAnswer:"
    return f"{text} {'ABCD'[int(row[5])]}\n\n" if answered else text


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def prompts(options):
    for subject in options.subjects.split(","):
        examples = rows_of(f"{options.data}/dev/{subject}_dev.csv")[: options.few_shot]
        beginning = f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n"
        beginning += "".join(written(row, True) for row in examples)
        for row in rows_of(f"{options.data}/test/{subject}_test.csv")[: options.limit]:
            yield beginning + written(row, False)


class Peer:
    """Every question once: the log-probabilities of the four letters at its last token."""

    def __init__(self, options, texts):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(options.base, dtype=getattr(torch, options.precision)).eval()
        tokenizer = sentencepiece.SentencePieceProcessor(f"{options.base}/tokenizer.model")
        limit = self.model.config.max_position_embeddings
        self.rows = [[tokenizer.bos_id(), *tokenizer.encode(text)][-limit:] for text in texts]
        self.letters = [tokenizer.encode(f"Answer: {letter}")[-1] for letter in "ABCD"]

    def run(self, batch_size):
        order = sorted(range(len(self.rows)), key=lambda index: -len(self.rows[index]))
        scores = [None] * len(self.rows)
        begin = time.perf_counter()
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                longest = max(len(self.rows[index]) for index in batch)
                # Behind a question, where it sees nothing of it.
                ids = torch.tensor([self.rows[index] + [0] * (longest - len(self.rows[index])) for index in batch])
                hidden = self.model.model(ids, use_cache=False).last_hidden_state
                last = torch.stack([hidden[place, len(self.rows[index]) - 1] for place, index in enumerate(batch)])
                logits = self.model.lm_head(last).float().log_softmax(-1)[:, self.letters]
                for place, index in enumerate(batch):
                    scores[index] = logits[place].tolist()
        return len(self.rows) / (time.perf_counter() - begin), scores


def run_puna(options, path):
    command = [options.puna, "requests", "--base", options.base, "--file", path, "--precision", options.precision]
    *rows, facts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return json.loads(facts), [[score["loglikelihood"] for score in json.loads(row)] for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--subjects", default="astronomy,high_school_psychology,machine_learning,nutrition")
    parser.add_argument("--limit", type=int, default=40, help="questions of each subject")
    parser.add_argument("--few-shot", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", default="1,4,8", help="batch sizes of transformers, tried once each on the first questions")
    parser.add_argument("--trial", type=int, default=24, help="questions of that trial")
    parser.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--puna", default=".build/release/puna-benchmarks")
    options = parser.parse_args()
    texts = list(prompts(options))
    peer = Peer(options, texts)
    tokens = sum(len(row) for row in peer.rows)
    print(f"{len(texts)} questions, {tokens / len(texts):.0f} tokens each; {os.cpu_count()} processors")

    every = max(1, len(texts) // options.trial)
    trial = Peer.__new__(Peer)
    trial.model, trial.letters, trial.rows = peer.model, peer.letters, peer.rows[::every]
    trial.run(1)
    rates = {size: trial.run(size)[0] for size in map(int, options.batch.split(","))}
    print("transformers, questions per second by batch size:", "  ".join(f"{size}: {rate:.3f}" for size, rate in rates.items()))
    best = max(rates, key=rates.get)

    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/requests.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            for text in texts:
                row = dict(contexts=[text] * 4, continuations=[f" {letter}" for letter in "ABCD"])
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        for _ in range(options.repeats):
            facts, ours = run_puna(options, path)
            theirs_rate, theirs = peer.run(best)
            ratios.append(facts["rows_per_second"] / theirs_rate)
            print(
                f"Puna {facts['rows_per_second']:.3f}, transformers {theirs_rate:.3f} questions per second: {ratios[-1]:.2f} times;",
                f"{facts['tokens_asked']:,} tokens asked, {facts['tokens_computed']:,} computed;",
                f"{facts['tokens_computed'] / facts['seconds']:.0f} rows per second here, {theirs_rate * tokens / len(texts):.0f} there", flush=True)
    farthest = max(abs(a - b) for x, y in zip(ours, theirs) for a, b in zip(x, y))
    equal = sum(x.index(max(x)) == y.index(max(y)) for x, y in zip(ours, theirs))
    print(f"median {statistics.median(ratios):.2f} times; same choice in {equal} of {len(texts)}, log-likelihoods within {farthest:.3f}")


if __name__ == "__main__":
    main()
