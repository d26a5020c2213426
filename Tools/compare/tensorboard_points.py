#!/usr/bin/env python3
"""Reads the events of run folders with TensorBoard itself and compares them, point by point, with metrics.jsonl.

    python Tools/compare/tensorboard_points.py RUN...

Needs tensorboard. Steps and values must be the same, values as float32, which is what TensorBoard keeps.
"""
import argparse
import json
import pathlib
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator, io_wrapper


def rounded(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def expected(run):
    """Points by tag: (step, value as float32)."""
    points = {}

    def add(tag, event, value):
        if value is not None:
            points.setdefault(tag, []).append((event["step"], rounded(value)))

    for line in (run / "metrics.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "step":
            add("train/loss", event, event["loss"])
            add("train/learning_rate", event, event["learning_rate"])
            add("train/gradient_norm", event, event["gradient_norm"])
            if event["seconds"] > 0:
                add("train/tokens_per_second", event, event["tokens"] / event["seconds"])
        elif event["event"] == "validation":
            add("validation/loss", event, event["loss"])
    return points


def compare(run):
    # As TensorBoard is pointed at it: the run folder itself, whose events lie in a folder of it.
    folders = list(io_wrapper.GetLogdirSubdirectories(str(run)))
    if len(folders) != 1:
        sys.exit(f"{run}: TensorBoard finds {len(folders)} runs in it: {folders}")
    accumulator = event_accumulator.EventAccumulator(folders[0], size_guidance={event_accumulator.SCALARS: 0})
    accumulator.Reload()
    points = expected(run)
    if set(accumulator.Tags()["scalars"]) != set(points):
        sys.exit(f"{run}: TensorBoard has {accumulator.Tags()['scalars']}, the metrics {sorted(points)}")
    for tag, wanted in points.items():
        found = accumulator.Scalars(tag)
        if [(point.step, point.value) for point in found] != wanted:
            sys.exit(f"{run}: the points of {tag} differ")
        times = [point.wall_time for point in found]
        if times != sorted(times):
            sys.exit(f"{run}: the times of {tag} go back")
    print(f"{run}: {sum(map(len, points.values()))} points of {len(points)} curves are the same")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=pathlib.Path)
    for run in parser.parse_args().runs:
        compare(run)


if __name__ == "__main__":
    main()
