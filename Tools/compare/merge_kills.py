#!/usr/bin/env python3
"""Kills `puna merge` at random moments: what has the output's name must be whole, and the next run must begin clean.

    python Tools/compare/merge_kills.py BASE --adapter ADAPTER [--times 50] [--seed 1] [--folder .] [--puna .build/release/puna]

The moments are drawn from the length of a first, undisturbed run; every third is an interruption (SIGINT) in place of a kill.
"""
import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--adapter", action="append", required=True)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "merge-kills"
    folder.mkdir()
    output = folder / "merged"
    command = [options.puna, "merge", "--base", options.base, "--output", str(output), "--quiet", "--max-shard-size", "100MB"]
    for adapter in options.adapter:
        command += ["--adapter", adapter]
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_whole():
        return subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=output, **quiet).returncode == 0

    start = time.monotonic()
    subprocess.run(command, check=True, **quiet)
    length = time.monotonic() - start
    shutil.rmtree(output)
    moments, whole, leftovers = random.Random(options.seed), 0, 0
    for index in range(options.times):
        number = signal.SIGINT if index % 3 == 2 else signal.SIGKILL
        process = subprocess.Popen(command, **quiet)
        time.sleep(moments.uniform(0, 1.05 * length))
        process.send_signal(number)
        process.wait()
        hidden = [path.name for path in folder.iterdir() if path != output]
        leftovers += len(hidden) > 0
        if len(hidden) > 1:
            sys.exit(f"kill {index + 1}: leftovers pile up: {hidden}")
        if output.exists():
            whole += 1
            if not is_whole():
                sys.exit(f"kill {index + 1}: {output} looks complete, but is not")
            shutil.rmtree(output)
        # One that came before the program listened leaves what the kill before it left.
        elif number == signal.SIGINT and process.returncode != -2 and (hidden or process.returncode != 130):
            sys.exit(f"kill {index + 1}: an interruption left {hidden} and status {process.returncode}")
    subprocess.run(command, check=True, **quiet)
    if not is_whole() or len(list(folder.iterdir())) != 1:
        sys.exit(f"the last run did not begin clean: {sorted(folder.iterdir())}")
    shutil.rmtree(folder)
    print(f"{options.times} kills within {length:.1f} s: {whole} times the output was there, whole; {leftovers} times a hidden folder was left, gone now")


if __name__ == "__main__":
    main()
