#!/usr/bin/env python3
"""Loads an adapter that Puna trained in PEFT, as it is, and compares logits.

    python Tools/compare/loads_in_peft.py BASE ADAPTER [--tokens 1,5,9] [--puna .build/release/puna]

Needs torch, transformers, peft and safetensors. Fails when PEFT warns, or when a logit differs by more than 2e-5.
"""
import argparse
import subprocess
import sys
import tempfile
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import LlamaForCausalLM


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("adapter")
    parser.add_argument("--tokens", default=",".join(map(str, [1, *range(5, 60, 2)])))
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    tokens = [int(token) for token in options.tokens.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/logits.safetensors"
        subprocess.run(
            [options.puna, "logits", "--base", options.base, "--adapter", options.adapter, "--tokens", options.tokens, "--precision", "float32",
             "--output", output], check=True)
        found = load_file(output)["logits"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        base = LlamaForCausalLM.from_pretrained(options.base, dtype=torch.float32, attn_implementation="eager")
        model = PeftModel.from_pretrained(base, options.adapter)
    with torch.no_grad():
        expected = model(input_ids=torch.tensor([tokens])).logits[0]
        with model.disable_adapter():
            plain = model(input_ids=torch.tensor([tokens])).logits[0]
    difference = (found - expected).abs().max().item()
    print(f"largest difference of a logit: {difference:.2e}; the adapter itself changes them by up to {(expected - plain).abs().max().item():.2e}")
    sys.exit(difference > 2e-5)


if __name__ == "__main__":
    main()
