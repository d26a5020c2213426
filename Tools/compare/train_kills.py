#!/usr/bin/env python3
"""Kills `puna train` at random moments and resumes it: the adapter must be that of a run that was never stopped, bit for bit, and the
metrics the same but for times.

    python Tools/compare/train_kills.py RECIPE [key=value ...] [--times 100] [--most 3] [--seed 1] [--folder .] [--puna .build/release/puna]

Every run is killed up to `--most` times before it may finish; every fourth kill is an interruption (SIGINT).
"""
import argparse
import hashlib
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

TIMES = {"seconds", "examples_per_second", "tokens_per_second", "memory", "share_of_peak"}


def adapter(folder):
    digest = hashlib.sha256()
    for name in ["adapter_model.safetensors", "adapter_config.json", "best/adapter_model.safetensors"]:
        path = folder / name
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--most", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "train-kills"
    folder.mkdir()
    undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"

    def command(output, *flags):
        return [options.puna, "train", options.recipe, *options.overrides, f"output={output}", "--quiet", *flags]

    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    start = time.monotonic()
    subprocess.run(command(undisturbed), check=True, **quiet)
    length = time.monotonic() - start
    expected = adapter(undisturbed), metrics(undisturbed)
    moments, kills, runs, interruptions = random.Random(options.seed), 0, 0, 0
    while kills < options.times:
        shutil.rmtree(disturbed, ignore_errors=True)
        runs += 1
        for _ in range(moments.randint(1, options.most)):
            number = signal.SIGINT if kills % 4 == 3 else signal.SIGKILL
            process = subprocess.Popen(command(disturbed, "--resume"), **quiet)
            time.sleep(moments.uniform(0, 1.02 * length))
            process.send_signal(number)
            _, errors = process.communicate()
            kills += 1
            interruptions += number == signal.SIGINT
            if process.returncode not in (0, 130, -number):
                sys.exit(f"kill {kills}: status {process.returncode}: {errors}")
        finish = subprocess.run(command(disturbed, "--resume"), **quiet)
        if finish.returncode != 0:
            sys.exit(f"after kill {kills} it cannot be resumed: {finish.stderr}")
        if adapter(disturbed) != expected[0]:
            sys.exit(f"after kill {kills} the adapter is another one")
        if metrics(disturbed) != expected[1]:
            sys.exit(f"after kill {kills} the metrics differ")
        left = [str(path) for path in disturbed.rglob(".*")]
        if left:
            sys.exit(f"after kill {kills} something is left: {left}")
    shutil.rmtree(folder)
    print(f"{kills} kills, {interruptions} of them interruptions, in {runs} runs of {length:.1f} s: adapter and metrics as undisturbed every time")


if __name__ == "__main__":
    main()
