#!/usr/bin/env python3
"""Decodes and reads prompts with the same base in Puna and in transformers, in turns, and compares tokens per second.

    python Tools/compare/decode.py --base BASE [--turns 3] [--threads 2] [--puna .build/release/puna-benchmarks]

Both compute in bfloat16, with 1 and with 16 sequences of 16 and of 1,000 tokens in the cache, and a prompt of 512 tokens of which the last
gives logits. Needs torch and transformers; `swift build -c release --product puna-benchmarks` makes the other side.
"""
import argparse
import json
import statistics
import subprocess
import time

CONTEXTS, SEQUENCES, PROMPT, STEPS = (16, 1000), 16, 512, 4


def run_puna(options):
    command = [options.puna, "decode", "--base", options.base, "--precision", "bfloat16", "--threads", str(options.threads), "--json"]
    command += ["--repeats", "3", "--steps", str(STEPS), "--sequences", str(SEQUENCES), "--prompt", str(PROMPT)]
    for context in CONTEXTS:
        command += ["--context", str(context)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Transformers:
    def __init__(self, options):
        import torch
        from transformers import AutoModelForCausalLM

        self.torch = torch
        torch.set_num_threads(options.threads)
        self.model = AutoModelForCausalLM.from_pretrained(options.base, dtype=torch.bfloat16).eval()

    def run(self):
        with self.torch.inference_mode():
            rates = {f"prompt {PROMPT}": self.prompt_rate()}
            for context in CONTEXTS:
                for sequences in (1, SEQUENCES):
                    rates[f"context {context}, {sequences}"] = self.decoding_rate(context, sequences)
            return rates

    def prompt_rate(self):
        tokens = self.tokens(1, PROMPT)
        begin = time.perf_counter()
        self.model(tokens, logits_to_keep=1)
        return PROMPT / (time.perf_counter() - begin)

    def decoding_rate(self, context, sequences):
        cache = self.model(self.tokens(sequences, context), logits_to_keep=1, use_cache=True).past_key_values
        cache = self.model(self.tokens(sequences, 1), past_key_values=cache, use_cache=True).past_key_values
        begin = time.perf_counter()
        for _ in range(STEPS):
            cache = self.model(self.tokens(sequences, 1), past_key_values=cache, use_cache=True).past_key_values
        return STEPS * sequences / (time.perf_counter() - begin)

    def tokens(self, sequences, count):
        return self.torch.randint(self.model.config.vocab_size, (sequences, count))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--puna", default=".build/release/puna-benchmarks")
    options = parser.parse_args()
    peer = Transformers(options)
    turns = [(run_puna(options), peer.run()) for _ in range(options.turns)]
    print(f"tokens per second, medians of {options.turns} turns")
    for name in turns[0][1]:
        puna, other = (statistics.median(turn[side][name] for turn in turns) for side in (0, 1))
        print(f"{name:>20}: Puna {puna:7.1f}, transformers {other:7.1f}, {puna / other:.2f} times")


if __name__ == "__main__":
    main()
