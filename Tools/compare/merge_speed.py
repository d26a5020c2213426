#!/usr/bin/env python3
"""Times `puna merge` against copying the same files on the same disk, and takes the memory that it uses beyond mapped files.

    python Tools/compare/merge_speed.py BASE --adapter ADAPTER [--folder .] [--runs 3] [--puna .build/release/puna]

A copy is `cp` and a flush of every file, as a merge flushes its own; both are written into FOLDER and removed. Where this may be done (as root)
the page cache is emptied before each, so that both read the base from the disk. The merge's time is that until its files are written;
proof, logits and sums are shown apart.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time


def forget():
    subprocess.run(["sync"], check=True)
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return "cold"
    except OSError:
        return "as the cache is"


def copy(base, folder):
    shutil.rmtree(folder, ignore_errors=True)
    state, start = forget(), time.monotonic()
    subprocess.run(["cp", "-rL", base, folder], check=True)
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file():
            with open(path) as file:
                os.fsync(file.fileno())
    seconds = time.monotonic() - start
    shutil.rmtree(folder)
    return seconds, state


def merge(options, folder):
    shutil.rmtree(folder, ignore_errors=True)
    forget()
    arguments = [options.puna, "merge", "--base", options.base, "--output", folder]
    for adapter in options.adapter:
        arguments += ["--adapter", adapter]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    parts, peaks, part = {}, {}, ["merging"]

    def read():
        for line in process.stderr:
            found = re.match(r"(\w[\w ]*): ([\d.]+) s$", line.strip())
            if found:
                parts[found[1]] = float(found[2])
                part[0] = {"merging": "proving", "proving": "comparing logits", "comparing logits": "hashing"}.get(found[1], "")

    reader = threading.Thread(target=read)
    reader.start()
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        if found:
            peaks[part[0]] = max(peaks.get(part[0], 0), int(found[1]) * 1024)
        time.sleep(0.02)
    reader.join()
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(arguments)} failed")
    shutil.rmtree(folder)
    return parts, peaks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--adapter", action="append", required=True)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--puna", default=".build/release/puna")
    options = parser.parse_args()
    size = sum(path.stat().st_size for path in pathlib.Path(options.base).rglob("*") if path.is_file())
    print(f"{options.base}: {size / 1e9:.2f} GB; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    ratios = []
    for run in range(options.runs):
        seconds, state = copy(options.base, f"{options.folder}/copied")
        parts, peaks = merge(options, f"{options.folder}/merged")
        ratios.append(parts["merging"] / seconds)
        print(
            f"run {run + 1} ({state}): copy {seconds:.1f} s ({size / seconds / 1e9:.2f} GB/s), merge {parts['merging']:.1f} s, {ratios[-1]:.2f} times; "
            + ", ".join(f"{name} {value:.1f} s" for name, value in parts.items() if name != "merging")
            + "; private memory " + ", ".join(f"{name} {value / 1e6:.0f} MB" for name, value in peaks.items() if name))
    print(f"median: {sorted(ratios)[len(ratios) // 2]:.2f} times a copy")


if __name__ == "__main__":
    main()
