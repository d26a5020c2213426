"""Writes the quickstart instruction set, `datasets/quickstart/{train,held-out}.json`, in Alpaca form.

    python instructions.py ../../datasets/quickstart

The facts of a topic are dealt out: those of the held-out part are asked nowhere in the training part, in no wording. What
the adapter must bring is the way to ask; the answers it never saw asked must come from the base.
"""

import json
import random
import sys
from collections import defaultdict
from pathlib import Path

import knowledge as k

SEED = 11
TRAIN_PER_TOPIC, HELD_OUT_PER_TOPIC = 29, 3


def row(item, task):
    instruction, given = task
    answer = k.capital(item.answer) + item.stop if item.stop else item.answer
    return {"instruction": k.capital(instruction), "input": given, "output": answer}


def write(folder):
    rng = random.Random(SEED)
    topics = defaultdict(dict)
    for fact in k.facts():
        topics[fact.topic][fact.key] = fact
    for maker in k.SKILLS:
        for _ in range(120):
            item = maker(rng)
            topics[item.topic].setdefault(item.key, item)
    train, held_out = [], []
    for topic in sorted(topics):
        items = [topics[topic][key] for key in sorted(topics[topic])]
        rng.shuffle(items)
        held = min(HELD_OUT_PER_TOPIC, max(1, len(items) // 8))
        for item in items[:held]:
            held_out.append(row(item, rng.choice(item.tasks)))
        items = items[held:held + TRAIN_PER_TOPIC]
        for n, item in enumerate(items):
            wordings = 2 if len(items) < 20 else 1            # a small topic gets each fact in two wordings
            for task in rng.sample(item.tasks, wordings):
                train.append(row(item, task))
    rng.shuffle(train)
    rng.shuffle(held_out)
    asked = lambda rows: {(r["instruction"], r["input"]) for r in rows}
    assert len(asked(train)) == len(train) and not asked(train) & asked(held_out)
    for name, rows in (("train", train), ("held-out", held_out)):
        lines = ",\n".join("  " + json.dumps(r, ensure_ascii=False) for r in rows)
        (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{name}: {len(rows)} rows")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)
