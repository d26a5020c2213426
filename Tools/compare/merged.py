#!/usr/bin/env python3
"""Opens what `puna merge` wrote in transformers (or, for Meta's layout, in torch) and compares it with base and adapter in PEFT.

    python Tools/compare/merged.py MERGED --base BASE [--adapter ADAPTER[=WEIGHT]]... [--puna .build/release/puna]

Needs torch, transformers, peft and safetensors. Fails when something warns; when a tensor is farther from PEFT's merge, made in float32 and
rounded once to the type found, than one unit in the last place at more than 0.1 % of its elements; or when logits of transformers and
of `puna logits` on the merged folder differ by more than 2e-5 of their size. BASE may be 'none', which leaves out the comparison with PEFT.
"""
import argparse
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaForCausalLM
from transformers.utils import logging as transformers_logging


class Complaints(logging.Handler):
    """Keeps what transformers has to say."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def puna_ids(puna, folder, text, tokenizer):
    """Ids by `puna tokenize`, begun as transformers' tokenizer begins."""
    arguments = [puna, "tokenize", folder, "--text", text, "--json"]
    if getattr(tokenizer, "add_bos_token", True):
        arguments.append("--bos")
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)["ids"]


def peft_merge(base, adapters):
    """Weights of base and adapters, each adapter merged alone in float32 and its change added with its weight."""
    from peft import PeftModel

    def load():
        return LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)

    plain = {name: value.clone() for name, value in load().state_dict().items()}
    total = dict(plain)
    for text in adapters:
        path, sign, weight = text.rpartition("=")
        path, weight = (path, float(weight)) if sign else (text, 1.0)
        merged = PeftModel.from_pretrained(load(), path).merge_and_unload().state_dict()
        for name, value in merged.items():
            same = value.shape == plain[name].shape
            total[name] = total[name] + weight * (value - plain[name]) if same else value
    return total


def compare_tensors(found, expected):
    worst = 0.0
    for name, value in found.items():
        rounded = expected[name].to(value.dtype)
        different = value != rounded
        share = different.float().mean().item()
        limit = torch.finfo(value.dtype).eps * value.float().abs().clamp_min(torch.finfo(value.dtype).tiny)
        far = ((value.float() - rounded.float()).abs() > 1.01 * limit).sum().item()
        if value.dtype == torch.float32:
            distance = (value - rounded).norm() / rounded.norm().clamp_min(1e-30)
            if distance > 1e-6:
                sys.exit(f"{name}: {distance:.2e} of its norm away from PEFT's merge")
        elif far or share > 0.001:
            sys.exit(f"{name}: {100 * share:.3f} % of its elements differ from PEFT's, {far} of them by more than one unit in the last place")
        worst = max(worst, share)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("merged")
    parser.add_argument("--base", required=True)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()

    complaints = Complaints()
    transformers_logging.get_logger().addHandler(complaints)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stored, info = LlamaForCausalLM.from_pretrained(options.merged, dtype="auto", output_loading_info=True)
        model = LlamaForCausalLM.from_pretrained(options.merged, dtype=torch.float32, attn_implementation="eager")
        folder = pathlib.Path(options.merged)
        if (folder / "tokenizer.json").exists() or (folder / "tokenizer.model").exists():
            tokenizer = AutoTokenizer.from_pretrained(options.merged)
            print(f"tokenizer of {len(tokenizer)} tokens")
            text = "The llama hums on the high plain."
            found = puna_ids(options.puna, options.merged, text, tokenizer)
            if tokenizer(text).input_ids != found:
                sys.exit(f"transformers tokenizes {text!r} as {tokenizer(text).input_ids}, puna as {found}")
    problems = complaints.lines + [str(warning.message) for warning in caught] + [f"{key}: {value}" for key, value in info.items() if value]
    if problems:
        sys.exit("transformers complains:\n  " + "\n  ".join(problems))
    print(f"transformers loads {options.merged} as {stored.dtype} without a warning")

    if options.base != "none":
        found = {name: value for name, value in stored.state_dict().items()}
        worst = compare_tensors(found, peft_merge(options.base, options.adapter))
        print(f"{len(found)} tensors as PEFT merges them; at most {100 * worst:.4f} % of the elements of one are rounded otherwise")

    tokens = [1, *[3 + 7 * i % (model.config.vocab_size - 3) for i in range(1, 30)]]
    with torch.no_grad():
        expected = model(input_ids=torch.tensor([tokens])).logits[0]
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/logits.safetensors"
        subprocess.run(
            [options.puna, "logits", "--base", options.merged, "--tokens", ",".join(map(str, tokens)), "--precision", "float32", "--output", output],
            check=True)
        found = load_file(output)["logits"]
    difference = (found - expected).abs().max().item()
    print(f"largest difference of a logit between puna and transformers: {difference:.2e}")
    sys.exit(difference > 2e-5 * max(1.0, expected.abs().max().item()))


if __name__ == "__main__":
    main()
