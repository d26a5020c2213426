"""Puna's attention and PyTorch's scaled_dot_product_attention in turns, so that a ratio belongs to one run.

    swift build -c release --product puna-benchmarks
    python Tests/Benchmarks/pytorch_attention.py [--precision bfloat16] [--repeats 7] [--length 2048 8192]
"""
import argparse
import os
import statistics
import subprocess
import time

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # its idle threads must not spin through Puna's turn
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--binary", default=".build/release/puna-benchmarks")
parser.add_argument("--precision", choices=["bfloat16", "float32"], default="bfloat16")
parser.add_argument("--repeats", type=int, default=7)
parser.add_argument("--length", type=int, nargs="*", default=[2048, 8192])
parser.add_argument("--heads", type=int, default=32)
parser.add_argument("--dimension", type=int, default=64)
options = parser.parse_args()
threads = len(os.sched_getaffinity(0))
torch.set_num_threads(threads)
dtype = getattr(torch, options.precision)
middle = lambda values: statistics.median(values)
print(f"PyTorch {torch.__version__}, {threads} threads, {options.precision}, {options.heads} heads of {options.dimension}, medians of {options.repeats} turns")

for length in options.length:
    puna = subprocess.Popen(
        [options.binary, "attention", "--in-turns", "--precision", options.precision, "--threads", str(threads), "--length", str(length),
         "--heads", str(options.heads), "--key-value-heads", str(options.heads), "--dimension", str(options.dimension)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    q, k, v = (torch.randn(1, options.heads, length, options.dimension).to(dtype).requires_grad_() for _ in range(3))
    gradient = torch.randn(1, options.heads, length, options.dimension).to(dtype)
    rows = []
    for turn in range(-1, options.repeats):
        puna.stdin.write("\n")
        puna.stdin.flush()
        ours = list(map(float, puna.stdout.readline().split()))
        begin = time.perf_counter()
        output = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        middle_time = time.perf_counter()
        output.backward(gradient)
        end = time.perf_counter()
        if turn >= 0:
            rows.append((ours[0], ours[1], middle_time - begin, end - middle_time))
    for name, a, b in (("forward", 0, 2), ("backward", 1, 3)):
        print(
            f"{length} positions, {name}: Puna {middle(r[a] for r in rows):.3f} s, PyTorch {middle(r[b] for r in rows):.3f} s;"
            f" Puna is {middle(r[b] / r[a] for r in rows):.2f} times as fast", flush=True)
    puna.stdin.close()
    puna.wait()
