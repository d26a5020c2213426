#!/usr/bin/env python3
"""Compares what `puna train --dry-run` says a run takes with what it then takes: memory in all, and seconds of its steps.

    python Tools/compare/memory_plan.py --data ALPACA.json --base BASE [--base BASE ...] [--puna .build/release/puna]

Each base (`starter` is one) trains a few steps at three settings: as chosen, many rows with large adapters, blocks recomputed.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile

ATTENTION = "q_proj, k_proj, v_proj, o_proj"
ALL = ATTENTION + ", gate_proj, up_proj, down_proj"
SETTINGS = [("auto", 8, ATTENTION, 16, "auto"), ("2048", 64, ALL, 32, "never"), ("600", 8, ATTENTION, 16, "always")]
UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9}


def seconds(text):
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+) (s|min|h)\b", text))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", action="append", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    for base in options.base:
        steps = options.steps * 20 if base == "starter" else options.steps
        for rows, rank, modules, batch, recompute in SETTINGS:
            with tempfile.TemporaryDirectory() as folder:
                recipe = f"{folder}/recipe.yaml"
                with open(recipe, "w") as file:
                    file.write(f"""base: {base}
data: {{train: {options.data}, max_length: 512}}
lora: {{rank: {rank}, target_modules: [{modules}]}}
training: {{max_steps: {steps}, batch_size: {batch}, micro_batch_tokens: {rows}, recompute: {recompute}}}
output: {folder}/run
""")
                plan = subprocess.run([options.puna, "train", recipe, "--dry-run"], check=True, capture_output=True, text=True).stdout
                number, unit = re.search(r"([\d.]+) (kB|MB|GB) in all", plan).groups()
                planned, estimate = float(number) * UNITS[unit], seconds(re.search(r"# time +about (.*?) by", plan)[1])
                process = subprocess.Popen([options.puna, "train", recipe, "--quiet"], stderr=subprocess.DEVNULL)
                _, status, usage = os.wait4(process.pid, 0)
                if status:
                    raise SystemExit(f"{base}: puna failed")
                events = [json.loads(line) for line in open(f"{folder}/run/metrics.jsonl")]
                taken = sum(event["seconds"] for event in events if event["event"] == "step")
                peak = usage.ru_maxrss * 1024
                print(
                    f"{base}, rows {rows}, rank {rank}, recompute {recompute}: planned {planned / 1e9:.3f} GB, peak {peak / 1e9:.3f}"
                    f" ({planned / peak:.2f}); estimated {estimate:.0f} s, steps took {taken:.1f} ({estimate / taken:.2f})", flush=True)


if __name__ == "__main__":
    main()
