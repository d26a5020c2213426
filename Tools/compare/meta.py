#!/usr/bin/env python3
"""Opens a Meta folder that `puna merge --format meta` wrote in torch and compares it with the same weights in Hugging Face's layout.

    python Tools/compare/meta.py META --base HF [--sums]

Needs torch and safetensors. Each `consolidated.0N.pth` is loaded with `weights_only`, as it is and mapped, and once with offsets computed in
place of read, which asks for torch's own layout to the byte. The parts are joined and the rows of q and k brought into Hugging Face's order
as transformers' own converter does it; every tensor must then have the bits of HF's, and params.json must describe their shapes. HF is the
base itself after a merge without an adapter, else the same merge with `--format hf`. With --sums the archives' checksums and checklist.chk
are computed again too.
"""
import argparse
import hashlib
import json
import pathlib
import sys
import zipfile

import torch
from safetensors import safe_open
from torch.utils.serialization import config as serialization

LAYER = {
    "attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj", "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj", "feed_forward.w1": "mlp.gate_proj", "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj", "attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}
TOP = {"tok_embeddings": "model.embed_tokens", "norm": "model.norm", "output": "lm_head"}


def bits(tensor):
    return tensor.contiguous().view(torch.int32 if tensor.element_size() == 4 else torch.int16)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))


def hugging_face_name(name):
    stem = name.removesuffix(".weight")
    if stem in TOP:
        return TOP[stem] + ".weight"
    _, layer, rest = stem.split(".", 2)
    return f"model.layers.{layer}.{LAYER[rest]}.weight"


def hugging_face_weights(folder):
    """Name to a function that loads the tensor."""
    weights = {}
    for path in sorted(folder.glob("model*.safetensors")):
        file = safe_open(path, "pt")
        for name in file.keys():
            weights[name] = lambda file=file, name=name: file.get_tensor(name)
    for path in [] if weights else sorted(folder.glob("pytorch_model*.bin")):
        for name, value in torch.load(path, weights_only=True, mmap=True).items():
            weights[name] = lambda value=value: value
    return weights


def permute(weight, heads):
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def distinct(parts, rows):
    """Without the repetitions of KV heads that several shards share."""
    copies = sum(part.shape[0] for part in parts) // rows
    for start in range(0, len(parts), copies):
        if not all(same(parts[start], part) for part in parts[start:start + copies]):
            sys.exit("shards that share a KV head differ in it")
    return parts[::copies]


def load(paths, sums):
    shards = [torch.load(path, weights_only=True, mmap=True) for path in paths]
    for path, mapped in zip(paths, shards):
        serialization.load.calculate_storage_offsets = True
        computed = torch.load(path, weights_only=True, mmap=True)
        serialization.load.calculate_storage_offsets = False
        read = torch.load(path, weights_only=True)
        for name, value in mapped.items():
            if not (same(value, read[name]) and same(value, computed[name])):
                sys.exit(f"{path}: '{name}' depends on how it is loaded")
        if sums and zipfile.ZipFile(path).testzip() is not None:
            sys.exit(f"{path}: '{zipfile.ZipFile(path).testzip()}' does not have its checksum")
    return shards


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("meta", type=pathlib.Path)
    parser.add_argument("--base", required=True, type=pathlib.Path)
    parser.add_argument("--sums", action="store_true")
    options = parser.parse_args()

    paths = sorted(options.meta.glob("consolidated.*.pth"))
    shards = load(paths, options.sums)
    parameters = json.loads((options.meta / "params.json").read_text())
    dim, heads = parameters["dim"], parameters["n_heads"]
    key_value_heads = parameters.get("n_kv_heads", heads)
    expected = hugging_face_weights(options.base)
    if "lm_head.weight" not in expected:
        expected["lm_head.weight"] = expected["model.embed_tokens.weight"]

    width = int(2 * 4 * dim / 3)
    if "ffn_dim_multiplier" in parameters:
        width = int(parameters["ffn_dim_multiplier"] * width)
    width = parameters["multiple_of"] * ((width + parameters["multiple_of"] - 1) // parameters["multiple_of"])
    shape = expected["model.layers.0.mlp.gate_proj.weight"]().shape
    if shape != (width, dim):
        sys.exit(f"params.json makes a feed-forward layer of {width}, but it is {tuple(shape)}")

    for name in shards[0]:
        parts = [shard[name] for shard in shards]
        if ".wk." in name or ".wv." in name:
            parts = distinct(parts, key_value_heads * dim // heads)
        by_columns = ".wo." in name or ".w2." in name or (name.startswith("tok_") and parts[0].shape[1] < dim)
        if parts[0].dim() == 1:
            if not all(same(parts[0], part) for part in parts):
                sys.exit(f"'{name}' is not the same in all shards")
            whole = parts[0]
        else:
            whole = torch.cat(parts, dim=1 if by_columns else 0)
        if ".wq." in name or ".wk." in name:
            whole = permute(whole, heads if ".wq." in name else key_value_heads)
        if not same(whole, expected.pop(hugging_face_name(name))()):
            sys.exit(f"'{name}' is not {hugging_face_name(name)}")
    if expected or any(shard.keys() != shards[0].keys() for shard in shards):
        sys.exit(f"missing: {sorted(expected)[:5]}")
    print(f"{len(shards[0])} tensors in {len(shards)} files have the bits of {options.base}")

    if options.sums:
        for line in (options.meta / "checklist.chk").read_text().splitlines():
            digest, name = line.split()
            if hashlib.md5((options.meta / name).read_bytes()).hexdigest() != digest:
                sys.exit(f"{name} does not have its checksum")
        print("checklist.chk is right")


if __name__ == "__main__":
    main()
