"""Puna's products and PyTorch's in turns, so that a ratio belongs to one run whatever else the machine does meanwhile.

    swift build -c release --product puna-benchmarks
    python Tests/Benchmarks/pytorch_linear.py [--precision bfloat16] [--repeats 15] [--shape 1024,2048,2048 ...]

PyTorch multiplies aligned weights, also cold: more of them than caches hold, taken in turn.
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
parser.add_argument("--repeats", type=int, default=15)
parser.add_argument("--shape", nargs="*", default=["1024,2048,2048", "2048,2048,2048", "1024,2048,5632", "1024,5632,2048", "2048,5632,2048"])
options = parser.parse_args()
threads = len(os.sched_getaffinity(0))
torch.set_num_threads(threads)
dtype = getattr(torch, options.precision)
print(f"PyTorch {torch.__version__}, {threads} threads, {options.precision}, medians of {options.repeats} turns")

for shape in options.shape:
    m, k, n = map(int, shape.split(","))
    puna = subprocess.Popen(
        [options.binary, "gemm", "--in-turns", "--precision", options.precision, "--threads", str(threads), "--shape", shape],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    copies = 1 + (256 << 20) // (n * k * dtype.itemsize)
    for transposed in (False, True):
        x = torch.randn(m, k).to(dtype)
        weights = [torch.randn((k, n) if transposed else (n, k)).to(dtype) for _ in range(copies)]
        rows = []
        with torch.no_grad():
            for turn in range(-2, options.repeats):
                puna.stdin.write("transposed\n" if transposed else "forward\n")
                puna.stdin.flush()
                ours, peak = map(float, puna.stdout.readline().split())
                weight = weights[turn % copies]
                begin = time.perf_counter()
                y = x @ weight if transposed else torch.nn.functional.linear(x, weight)
                theirs = time.perf_counter() - begin
                if turn >= 0:
                    rows.append((ours, theirs, peak))
        operations = 2 * m * k * n
        name = "dy W" if transposed else "x Wᵀ"
        middle = lambda values: statistics.median(values)
        print(
            f"{name} {m} x {k} x {n}: Puna {operations / middle(r[0] for r in rows) / 1e9:.0f} GFLOP/s"
            f" ({middle(operations / r[0] / r[2] for r in rows):.1%} of peak), PyTorch {operations / middle(r[1] for r in rows) / 1e9:.0f}"
            f" ({middle(operations / r[1] / r[2] for r in rows):.1%}); Puna is {middle(r[1] / r[0] for r in rows):.2f} times as fast", flush=True)
    puna.stdin.close()
    puna.wait()
