#!/usr/bin/env python3
"""Writes Tests/GoldenTests/goldens with PyTorch, transformers and PEFT: what Puna must reproduce in float32.

    python3 -m venv peer && peer/bin/pip install torch transformers peft safetensors
    peer/bin/python Tools/goldens/make.py [case ...]

Each case is a folder: base/ and adapter/ as transformers and PEFT save them, and expected.safetensors with
  tokens, labels [sequences, length]   one batch; label -100 is not learnt
  logits_base, logits_adapter          of that batch
  loss, grad.<name>                    of one backward pass with the adapter trained
  run_tokens, run_prompts, run_lengths, run_losses, run_norms, final.<name>
                                       a short training run: AdamW, clipping, cosine with warm-up, batches of 3 ragged rows
The case "shards" holds one base several times, as torch.save writes it: in base/ as .bin shards, and in other folders in the form before
PyTorch 1.6 and as Meta's shards, split in different ways. All have the same logits. embeddings.py adds cases with trained embeddings.
The weights are random; every number in the files comes from the seeds below.
"""
import json
import math
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parents[2] / "Tests" / "GoldenTests" / "goldens"
COMMON = dict(vocab_size=60, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, initializer_range=0.1)
CASES = {
    # Grouped queries, scaled rotary frequencies, bfloat16 shards.
    "grouped": dict(
        seed=11, dtype=torch.bfloat16, shard="9KB", rank=3, alpha=6, rslora=False, targets=["q_proj", "v_proj", "o_proj"],
        config=dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=8,
                    rms_norm_eps=1e-5, tie_word_embeddings=False,
                    rope_parameters=dict(rope_theta=500000.0, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                         original_max_position_embeddings=16))),
    # A tied head, float16, all seven projections, rsLoRA, linear scaling.
    "tied": dict(
        seed=12, dtype=torch.float16, shard="1GB", rank=2, alpha=3, rslora=True,
        targets=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        config=dict(hidden_size=20, intermediate_size=36, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=10,
                    rms_norm_eps=1e-6, tie_word_embeddings=True,
                    rope_parameters=dict(rope_theta=10000.0, rope_type="linear", factor=2.0))),
    # Files of PyTorch: an odd vocabulary, one KV head, the scaling that params.json can express.
    "shards": dict(
        seed=13, dtype=torch.bfloat16, shard="1GB", rank=2, alpha=4, rslora=False, targets=["q_proj", "v_proj"], torch=True,
        config=dict(vocab_size=37, hidden_size=16, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=1,
                    rms_norm_eps=1e-5, tie_word_embeddings=False,
                    rope_parameters=dict(rope_theta=500000.0, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                         original_max_position_embeddings=8192))),
}
STEPS, BATCH, RATE, WARM_UP, FINAL = 8, 3, 1e-2, 2, 0.1


def short(name):
    return name.replace(".modules_to_save", "").replace(".default", "")


def trained(model):
    """What is learnt, by the names in PEFT's files."""
    return {short(name): values for name, values in model.named_parameters() if values.requires_grad}


def write_torch(folder, config):
    """The safetensors base of the case once more in files of PyTorch; base/ keeps .bin shards only."""
    weights = load_file(folder / "base" / "model.safetensors")
    (folder / "base" / "model.safetensors").unlink()
    names = list(weights)
    for index in range(2):
        torch.save({name: weights[name] for name in names[index::2]}, folder / "base" / f"pytorch_model-{index + 1}-of-2.bin")
    (folder / "before-1.6").mkdir()
    shutil.copy(folder / "base" / "config.json", folder / "before-1.6")
    torch.save(weights, folder / "before-1.6" / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    write_meta(folder / "meta-rows", weights, config, shards=4, embedding_dimension=0)
    write_meta(folder / "meta-columns", weights, config, shards=3, embedding_dimension=1)


def write_meta(folder, weights, config, shards, embedding_dimension):
    """As Meta ships a model: every matrix cut along one dimension, the remainder in the last shard, vectors in all."""
    parts = [{} for _ in range(shards)]

    def put(name, weight, dimension=None):
        if dimension is None:
            pieces = [weight] * shards
        else:
            sizes = [weight.shape[dimension] // shards] * shards
            sizes[-1] += weight.shape[dimension] % shards
            pieces = torch.split(weight, sizes, dim=dimension)
        for part, piece in zip(parts, pieces):
            part[name] = piece.clone(memory_format=torch.contiguous_format)

    def neighbours(weight, heads):  # Hugging Face rotates halves of a head, Meta neighbouring rows
        return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)

    put("tok_embeddings.weight", weights["model.embed_tokens.weight"], embedding_dimension)
    put("norm.weight", weights["model.norm.weight"])
    put("output.weight", weights["lm_head.weight"], 0)
    for layer in range(config.num_hidden_layers):
        theirs, ours = f"layers.{layer}.", f"model.layers.{layer}."
        put(theirs + "attention.wq.weight", neighbours(weights[ours + "self_attn.q_proj.weight"], config.num_attention_heads), 0)
        put(theirs + "attention.wk.weight", neighbours(weights[ours + "self_attn.k_proj.weight"], config.num_key_value_heads), 0)
        put(theirs + "attention.wv.weight", weights[ours + "self_attn.v_proj.weight"], 0)
        put(theirs + "attention.wo.weight", weights[ours + "self_attn.o_proj.weight"], 1)
        put(theirs + "feed_forward.w1.weight", weights[ours + "mlp.gate_proj.weight"], 0)
        put(theirs + "feed_forward.w2.weight", weights[ours + "mlp.down_proj.weight"], 1)
        put(theirs + "feed_forward.w3.weight", weights[ours + "mlp.up_proj.weight"], 0)
        put(theirs + "attention_norm.weight", weights[ours + "input_layernorm.weight"])
        put(theirs + "ffn_norm.weight", weights[ours + "post_attention_layernorm.weight"])
    folder.mkdir()
    for index, part in enumerate(parts):
        torch.save(part, folder / f"consolidated.{index:02d}.pth")
    parameters = dict(
        dim=config.hidden_size, n_layers=config.num_hidden_layers, n_heads=config.num_attention_heads, n_kv_heads=config.num_key_value_heads,
        vocab_size=-1, multiple_of=16, norm_eps=config.rms_norm_eps, rope_theta=500000.0, use_scaled_rope=True)
    (folder / "params.json").write_text(json.dumps(parameters) + "\n")


def make_base(folder, case):
    torch.manual_seed(case["seed"])
    shutil.rmtree(folder, ignore_errors=True)
    model = LlamaForCausalLM(LlamaConfig(**{**COMMON, **case["config"]}))
    with torch.no_grad():
        for parameter, values in model.named_parameters():
            if "norm" in parameter:
                values.add_(0.3 * torch.randn_like(values))
    model.to(case["dtype"]).save_pretrained(folder / "base", max_shard_size=case["shard"])
    # Read back in float32: casting a whole model would leave its rotary frequencies rounded to 16 bits.
    return LlamaForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="eager")


def add_lora(model, case, **settings):
    lora = LoraConfig(
        r=case["rank"], lora_alpha=case["alpha"], use_rslora=case["rslora"], target_modules=case["targets"], task_type="CAUSAL_LM", **settings)
    model = get_peft_model(model, lora)
    with torch.no_grad():
        for parameter, values in model.named_parameters():
            if "lora_B" in parameter:
                values.copy_(0.1 * torch.randn_like(values))
    return model


def save_adapter(model, folder):
    model.peft_config["default"].base_model_name_or_path = "../base"
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    configuration = json.loads(path.read_text())
    for key in ["target_modules", "modules_to_save"]:  # PEFT writes sets as they come
        configuration[key] = configuration[key] and sorted(configuration[key])
    path.write_text(json.dumps(configuration, indent=2, sort_keys=True))


def measure(model, steps, warm_up, after_step=lambda: None):
    """What expected.safetensors holds; the model is trained by it. `after_step` follows every step of the optimizer."""
    vocabulary, parameters = model.config.vocab_size, trained(model)  # PEFT thaws all when an adapter is on again
    tokens = torch.randint(3, vocabulary, (2, 21))
    tokens[:, 0] = 1
    labels = tokens.clone()
    labels[:, :7] = -100
    labels[1, -4:] = -100
    expected = {"tokens": tokens, "labels": labels}
    with torch.no_grad():
        with model.disable_adapter():
            expected["logits_base"] = model(input_ids=tokens).logits
        expected["logits_adapter"] = model(input_ids=tokens).logits
    loss = model(input_ids=tokens, labels=labels).loss
    loss.backward()
    expected["loss"] = loss.detach().reshape(1)
    for name, values in parameters.items():
        expected["grad." + name] = values.grad.clone()
    model.zero_grad()

    lengths = torch.randint(6, 25, (steps * BATCH,))
    prompts = torch.minimum(torch.randint(1, 12, (steps * BATCH,)), lengths - 2)
    run = torch.zeros(steps * BATCH, 25, dtype=torch.long)
    for row, length in enumerate(lengths):
        run[row, :length] = torch.randint(3, vocabulary, (int(length),))
        run[row, 0], run[row, length - 1] = 1, 2
    optimizer = torch.optim.AdamW(parameters.values(), lr=0, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    losses, norms = [], []
    for step in range(steps):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        ids, position = run[rows], torch.arange(25)
        mask = (position < lengths[rows, None]).long()
        labels = torch.where((position >= prompts[rows, None]) & (mask == 1), ids, -100)
        if step < warm_up:
            rate = RATE * (step + 1) / warm_up
        else:
            rate = RATE * (FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up))))
        optimizer.param_groups[0]["lr"] = rate
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0).item())
        optimizer.step()
        after_step()
        losses.append(loss.item())
    expected.update(
        run_tokens=run, run_prompts=prompts, run_lengths=lengths, run_losses=torch.tensor(losses, dtype=torch.float64),
        run_norms=torch.tensor(norms, dtype=torch.float64))
    for name, values in parameters.items():
        expected["final." + name] = values.detach().clone()
    return expected


def save_expected(expected, folder):
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")


def make(name, case):
    folder = OUT / name
    model = make_base(folder, case)
    if case.get("torch"):
        write_torch(folder, model.config)
    model = add_lora(model, case)
    save_adapter(model, folder / "adapter")
    save_expected(measure(model, STEPS, WARM_UP), folder)


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        make(name, CASES[name])
