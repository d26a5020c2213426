#!/usr/bin/env python3
"""Trains the same rows of an Alpaca file with Puna and with a PyTorch script, in turns, and compares examples per second.

    python Tools/compare/speed.py --peer "PYTHON PEER.py BASE DATA --rows 64 --micro 1 --batch 16" \\
        --base BASE --data DATA [--rows 64] [--batch 16] [--repeats 3] [--length 512] [--precision auto] [--puna .build/release/puna]

The peer's last line must be JSON with examples_per_second (over all steps but the first) and peak_gib. Puna's rate is taken the same way,
from metrics.jsonl: file order, batch, targets q, k, v, o, rank 8, Stanford's template, cut at 512 tokens unless
--length says otherwise. Peak memory counts mapped pages.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import tempfile


def run_peer(command):
    output = subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def run_puna(options, data, folder):
    recipe = f"""base: {options.base}
data: {{train: {data}, template: alpaca, max_length: {options.length}, shuffle: false}}
lora: {{rank: 8, alpha: 16, target_modules: [q_proj, k_proj, v_proj, o_proj]}}
training:
  epochs: 1
  batch_size: {options.batch}
  learning_rate: 3.0e-4
  schedule: constant
  warmup_steps: 0
  betas: [0.9, 0.999]
  weight_decay: 0.01
  {options.training}
compute: {{precision: {options.precision}}}
output: {folder}/run
"""
    with open(f"{folder}/recipe.yaml", "w") as file:
        file.write(recipe)
    process = subprocess.Popen([options.puna, "train", f"{folder}/recipe.yaml", "--overwrite", "--quiet"], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("puna failed")
    steps = [json.loads(line) for line in open(f"{folder}/run/metrics.jsonl")]
    steps = [step for step in steps if step["event"] == "step"]
    seconds = sum(step["seconds"] for step in steps[1:])
    return dict(
        examples_per_second=options.batch * (len(steps) - 1) / seconds, tokens_per_second=sum(step["tokens"] for step in steps[1:]) / seconds,
        peak_gib=usage.ru_maxrss / 2**20, losses=[step["loss"] for step in steps])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer")
    parser.add_argument("--base", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=512, help="tokens at which both cut a row")
    parser.add_argument("--precision", default="auto", help="Puna's; PUNA_ISA in the environment chooses its instructions")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--puna", default=".build/release/puna")
    parser.add_argument("--training", default="", help="a further line of the recipe's training section, such as 'recompute: always'")
    options = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/rows.json"
        with open(data, "w") as file:
            json.dump(json.load(open(options.data))[: options.rows], file)
        for _ in range(options.repeats):
            puna = run_puna(options, data, folder)
            print("puna", json.dumps(puna), flush=True)
            if options.peer:
                peer = run_peer(options.peer)
                print("peer", json.dumps(peer), flush=True)
                ratios.append(puna["examples_per_second"] / peer["examples_per_second"])
    if ratios:
        print(f"examples per second, Puna over peer: {' '.join(f'{ratio:.2f}' for ratio in ratios)}; median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
