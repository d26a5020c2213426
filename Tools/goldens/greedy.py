#!/usr/bin/env python3
"""Writes Tests/GoldenTests/goldens/greedy.json: what transformers answers greedily, in float32, to prompts of random ids.

    peer/bin/python Tools/goldens/greedy.py FOLDER... [--length 200]

Each folder is a golden case with base/ in it; 200 ids follow each prompt, or as many as the model has positions for.
"""
import argparse
import json
import pathlib

import torch
from transformers import LlamaForCausalLM

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parents[2] / "Tests" / "GoldenTests" / "goldens" / "greedy.json"
PROMPTS = [1, 5, 17, 24]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--length", type=int, default=200)
    options = parser.parse_args()
    cases = {}
    for folder in options.folders:
        model = LlamaForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="eager")
        generator = torch.Generator().manual_seed(7)
        answers = []
        for length in PROMPTS:
            ids = torch.randint(3, model.config.vocab_size, (1, length), generator=generator)
            ids[0, 0] = 1
            count = min(options.length, model.config.max_position_embeddings - length)
            with torch.no_grad():
                text = model.generate(ids, max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0)
            answers.append({"prompt": ids[0].tolist(), "answer": text[0, length:].tolist()})
            assert len(answers[-1]["answer"]) == count
        cases[folder.name] = answers
    rows = [f'"{name}": [\n' + ",\n".join(json.dumps(answer) for answer in answers) + "\n]" for name, answers in cases.items()]
    OUT.write_text("{" + ",\n".join(rows) + "}\n")


if __name__ == "__main__":
    main()
