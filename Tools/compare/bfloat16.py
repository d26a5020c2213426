#!/usr/bin/env python3
"""How far bfloat16 is from float32: Puna's precision beside PyTorch's bf16 model, on the same tokens of the same base.

    python Tools/compare/bfloat16.py BASE [--tokens 1,5,9 | --count 128] [--puna .build/release/puna]

Prints the RMS error of the logits of each against PyTorch in float32, and the loss on the tokens in both of Puna's precisions.
Needs torch, transformers and safetensors.
"""
import argparse
import subprocess
import tempfile

import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM


def puna_logits(binary, base, tokens, precision):
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/logits.safetensors"
        subprocess.run(
            [binary, "logits", "--base", base, "--tokens", ",".join(map(str, tokens)), "--precision", precision, "--output", output],
            check=True, capture_output=True)
        return load_file(output)["logits"].double()


def torch_logits(base, tokens, dtype):
    model = LlamaForCausalLM.from_pretrained(base, dtype=dtype)
    with torch.no_grad():
        return model(input_ids=torch.tensor([tokens])).logits[0].double()


def loss(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(tokens[1:])).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--tokens", help="token ids, separated by commas; random ones by default")
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    if options.tokens:
        tokens = [int(token) for token in options.tokens.split(",")]
    else:
        vocabulary = LlamaForCausalLM.config_class.from_pretrained(options.base).vocab_size
        tokens = [1] + torch.randint(3, vocabulary, (options.count - 1,), generator=torch.Generator().manual_seed(1)).tolist()
    exact = torch_logits(options.base, tokens, torch.float32)
    float32 = puna_logits(options.puna, options.base, tokens, "float32")
    bfloat16 = puna_logits(options.puna, options.base, tokens, "bfloat16")
    rounded = torch_logits(options.base, tokens, torch.bfloat16)
    rms = lambda logits: (logits - exact).square().mean().sqrt().item()
    print(f"{options.base}: {len(tokens)} tokens, RMS of the logits {exact.square().mean().sqrt().item():.4f}")
    print(f"RMS error of the logits: Puna float32 {rms(float32):.3e}, Puna bfloat16 {rms(bfloat16):.3e}, PyTorch bf16 {rms(rounded):.3e}")
    losses = loss(float32, tokens), loss(bfloat16, tokens)
    print(f"loss: float32 {losses[0]:.6f}, bfloat16 {losses[1]:.6f}: {100 * abs(losses[1] - losses[0]) / losses[0]:.4f} % apart")


if __name__ == "__main__":
    main()
