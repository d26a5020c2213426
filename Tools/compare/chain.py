#!/usr/bin/env python3
"""Opens a model at the end of a chain, base and adapters that replace embeddings, in transformers; compares it with PEFT and with puna generate.

    python Tools/compare/chain.py MERGED --base BASE --adapter FIRST [--adapter SECOND]... --text TEXT [--tokens 40] \\
        [--puna .build/release/puna] [--answer FILE] [--logits FILE]

Needs torch, transformers, peft, safetensors and sentencepiece; MERGED holds a tokenizer too. Prints a table and fails when
  - loading MERGED in float32 warns, or finds weights missing, unknown or of other shapes, or the tokenizer has more tokens than the model;
  - logits of TEXT differ from those of PEFT, which folds one adapter after another into the base in float32, after the base was given as
    many rows as the adapter's embedding or head has; all is rounded once to the type of MERGED. Allowed are 2e-5 of the largest logit
    for float32, one unit in the last place of the others, whose chain is rounded at every merge;
  - ids of TEXT in transformers and by `puna tokenize` differ;
  - greedy continuations of TEXT by transformers and by `puna generate --precision float32` differ in text, spaces at the ends aside.
FILE is what `puna generate` printed, so that puna is not run, and what `puna logits --base MERGED --prompt TEXT` wrote, which has to agree too.
"""
import argparse
import pathlib
import subprocess
import sys
import warnings

import torch
from merged import Complaints, puna_ids
from peft import PeftModel
from peft.utils import load_peft_weights
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging


def load(folder):
    """Tokenizer, model in float32, type of the weights in the files, and all that is wrong."""
    complaints = Complaints()
    transformers_logging.get_logger().addHandler(complaints)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tokenizer = AutoTokenizer.from_pretrained(folder)
        dtype = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype
        model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    transformers_logging.get_logger().removeHandler(complaints)
    problems = complaints.lines + [str(warning.message) for warning in caught] + [f"{key}: {value}" for key, value in info.items() if value]
    if len(tokenizer) > model.config.vocab_size:
        problems.append(f"the tokenizer has {len(tokenizer)} tokens, the model {model.config.vocab_size}")
    return tokenizer, model, dtype, problems


def compose(base, adapters, dtype):
    warnings.simplefilter("ignore", FutureWarning)
    warnings.filterwarnings("error", message="Found missing adapter keys")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    for adapter in adapters:
        saved = load_peft_weights(adapter, device="cpu")
        rows = [value.shape[0] for name, value in saved.items() if name.endswith(("embed_tokens.weight", "lm_head.weight"))]
        if rows and rows[0] != model.config.vocab_size:
            model.resize_token_embeddings(rows[0], mean_resizing=False)
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    with torch.no_grad():
        for values in model.parameters():
            values.copy_(values.to(dtype))
    return model


@torch.no_grad()
def continue_greedily(model, tokenizer, ids, count):
    """The text, and by how much the likeliest token led at the closest choice."""
    output = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, pad_token_id=0, output_logits=True,
        return_dict_in_generate=True)
    best = torch.cat(output.logits).topk(2).values
    prompt, whole = (tokenizer.decode(part, skip_special_tokens=True) for part in [ids[0], output.sequences[0]])
    return whole.removeprefix(prompt), (best[:, 0] - best[:, 1]).min().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("merged")
    parser.add_argument("--base", required=True)
    parser.add_argument("--adapter", action="append", default=[])
    parser.add_argument("--text", required=True)
    parser.add_argument("--tokens", type=int, default=40)
    parser.add_argument("--puna", default=".build/release/puna")
    parser.add_argument("--answer")
    parser.add_argument("--logits")
    options = parser.parse_args()
    failed = []

    def report(name, text, agrees):
        print(f"{name:<14}{'agrees' if agrees else 'DIFFERS':<9}{text}", flush=True)
        failed.extend([] if agrees else [name])

    tokenizer, model, dtype, problems = load(options.merged)
    rows = model.config.vocab_size
    problems = "; ".join(" ".join(problem.split()) for problem in dict.fromkeys(problems))
    report("loading", problems or f"{dtype}, {len(tokenizer)} tokens, {rows} rows", not problems)
    ids = tokenizer(options.text, return_tensors="pt").input_ids
    with torch.no_grad():
        found = model(input_ids=ids).logits[0]
    text, lead = continue_greedily(model, tokenizer, ids, options.tokens)
    del model

    limit = (2e-5 if dtype == torch.float32 else torch.finfo(dtype).eps) * max(1.0, found.abs().max().item())
    composed = compose(options.base, options.adapter, dtype)
    if composed.config.vocab_size == rows:
        with torch.no_grad():
            difference = (found - composed(input_ids=ids).logits[0]).abs().max().item()
        report("PEFT", f"{ids.numel()} ids, largest difference of a logit {difference:.1e}, allowed {limit:.1e}", difference <= limit)
    else:
        report("PEFT", f"{rows} rows, {composed.config.vocab_size} in base and adapters", False)
    if options.logits:
        difference = (found - load_file(options.logits)["logits"]).abs().max().item()
        report("puna logits", f"largest difference of a logit {difference:.1e}", difference <= 2e-5 * max(1.0, found.abs().max().item()))

    if options.answer:
        answer = pathlib.Path(options.answer).read_text()
    else:
        ours = puna_ids(options.puna, options.merged, options.text, tokenizer)
        report("puna tokenize", f"{ids[0].tolist()}" + ("" if ours == ids[0].tolist() else f"; puna: {ours}"), ours == ids[0].tolist())
        process = subprocess.run(
            [options.puna, "generate", "--base", options.merged, "--prompt", options.text, "--max-tokens", str(options.tokens),
             "--precision", "float32", "--quiet"], capture_output=True, text=True)
        if process.returncode:
            sys.exit(process.stderr)
        answer = process.stdout
    same = text.strip() == answer.strip()
    report("puna generate", f"{text.strip()!r}, closest choice by {lead:.1e}" + ("" if same else f"; puna: {answer.strip()!r}"), same)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
