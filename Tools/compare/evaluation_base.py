"""The small base that both sides of `evaluation.py` read: a copy whose tokenizer they read alike.

Some small models' SentencePiece files collapse spaces, which transformers does not read; the copy keeps them, as LLaMA's tokenizer does.
"""
import json
import os
import re
import shutil


def copy_of(base, work, positions=None, rows=None):
    """`positions` instead of the base's own; `rows` of GSM8K to learn from, since a model of stories answers without numbers."""
    folder = os.path.join(work, "base" + (f"-{positions}" if positions else "") + ("-taught" if rows else ""))
    if os.path.exists(os.path.join(folder, "done")):
        return folder
    shutil.copytree(base, folder, dirs_exist_ok=True)
    for name in os.listdir(folder):
        os.chmod(os.path.join(folder, name), 0o644)
    keep_spaces(os.path.join(folder, "tokenizer.model"))
    write_json(os.path.join(folder, "tokenizer_config.json"), {
        "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True,
        "add_eos_token": False})
    if positions:
        path = os.path.join(folder, "config.json")
        with open(path) as file:
            write_json(path, json.load(file) | {"max_position_embeddings": positions})
    if rows:
        teach(folder, rows)
    open(os.path.join(folder, "done"), "w").close()
    return folder


def write_json(path, content):
    with open(path, "w") as file:
        json.dump(content, file, indent=2)


def keep_spaces(path):
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    with open(path, "rb") as file:
        model.ParseFromString(file.read())
    model.normalizer_spec.remove_extra_whitespaces = False
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def teach(folder, rows, steps=150, count=4):
    """To end in `#### NUMBER` in GSM8K's way: not what is right, but something that the filters find."""
    import torch
    import transformers
    torch.manual_seed(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    sequences = []
    for row in rows:
        number = row["answer"].split("#### ")[1]
        said = re.sub(r"<<.*?>>", "", row["answer"].split("\n")[-2])
        prompt = tokenizer.encode(f"Question: {row['question']}\nAnswer:")[-64:]
        answer = tokenizer.encode(f"Answer: {said}\n#### {number}")[len(tokenizer.encode("Answer:")):][-48:] + [tokenizer.eos_token_id]
        sequences.append((prompt + answer, [-100] * len(prompt) + answer))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0)
    for step in range(steps):
        some = [sequences[(step * count + at) % len(sequences)] for at in range(count)]
        length = max(len(ids) for ids, _ in some)
        ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in some])
        labels = torch.tensor([labels + [-100] * (length - len(labels)) for _, labels in some])
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    for name in os.listdir(folder):
        if name.endswith(".safetensors") or name.endswith(".index.json"):
            os.remove(os.path.join(folder, name))
    model.save_pretrained(folder)
