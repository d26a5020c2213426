#!/usr/bin/env python3
"""Scores of `puna evaluate` against those of lm-evaluation-harness, sample by sample.

    python Tools/compare/evaluation.py --data DATA --base BASE --work FOLDER [--only NAME...] [--limit 200] [--puna .build/release/puna]
    python Tools/compare/evaluation.py ... --reference-only       # what takes long, once; kept in FOLDER/reference
    python Tools/compare/evaluation.py ... --puna-only            # what FOLDER/reference holds, nothing of Python's is loaded

DATA is a folder with published files (`evaluation/`, `text/`; `evaluation_tasks.py` names them), BASE a small LLaMA folder with a
`tokenizer.model`. Task definitions are those of the installed `lm_eval`, run on local rows. Needs lm_eval, torch, transformers and
sentencepiece from PyPI.

Compared are prompts (equal as text), log-likelihoods (within 1e-3), choices and answers (equal), scores with their standard errors (within
1e-6), and the number of samples whose context was cut. Prints a line for each task; what differs is listed below it, and the script fails.

The base is copied for both (`evaluation_base.py`).
"""
import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time

from evaluation_base import copy_of
from evaluation_tasks import cases

SHARES = 1e-6
LIKELIHOODS = 1e-3


def write(folder, files):
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
    return folder


class Reference:
    """lm-evaluation-harness on local rows."""

    def __init__(self, work, base, threads):
        os.environ |= {"HF_DATASETS_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": os.path.join(work, "cache"),
                       "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1", "LMEVAL_LOG_LEVEL": "ERROR"}
        import torch
        torch.set_num_threads(threads)
        self.work, self.base, self.models, self.pieces = work, base, {}, None

    def model(self, case, batch):
        from lm_eval.models.huggingface import HFLM
        key = (case.positions, case.generates, case.lessons is not None)
        if key not in self.models:
            # One prompt at a time where text is generated: nothing is padded on the left then.
            self.models[key] = HFLM(pretrained=copy_of(self.base, self.work, case.positions, case.lessons), dtype="float32", device="cpu",
                                    batch_size=1 if case.generates else batch)
        return self.models[key]

    def definition(self, case, part, name):
        """A task file beside its rows; prompts, targets and filters are included from the package."""
        import lm_eval.tasks
        from lm_eval.tasks._yaml_loader import load_yaml
        path = os.path.join(os.path.dirname(lm_eval.tasks.__file__), part.definition)
        folder = os.path.join(self.work, "tasks", case.name)
        splits = {split: f"{name}.{split}.jsonl" for split in part.splits}
        write(folder, {splits[split]: "".join(json.dumps(row) + "\n" for row in rows) for split, rows in part.splits.items()})
        settings = {"task": name, "dataset_path": "json", "dataset_name": None, "tag": None, "dataset_kwargs": {
            "data_files": {split: os.path.join(folder, file) for split, file in splits.items()}}} | part.settings
        # A definition whose functions cannot be imported without the network is copied without them.
        start = {"include": path} if "metric_list" not in part.settings else load_yaml(path, resolve_func=False)
        write(folder, {f"{name}.yaml": json.dumps(start | settings)})
        return name

    def run(self, case, limit, batch):
        import lm_eval
        from lm_eval.tasks import TaskManager
        names = {part.subject or os.path.basename(part.definition)[:-5]: part for part in case.parts}
        tasks = [self.definition(case, part, f"{case.name}__{name}") for name, part in names.items()]
        grouped = len(tasks) > 1 and case.parts[0].subject is not None
        folder = os.path.join(self.work, "tasks", case.name)
        if grouped:
            means = [{"metric": metric.split(",")[0], "weight_by_size": True} for metric in case.parts[0].metrics.values()]
            write(folder, {"group.yaml": json.dumps({"group": case.name, "task": tasks, "aggregate_metric_list": means})})
        model = self.model(case, batch)
        results = lm_eval.simple_evaluate(
            model=model, tasks=[case.name] if grouped else tasks, num_fewshot=case.few_shot, limit=limit, log_samples=True,
            bootstrap_iters=1000, task_manager=TaskManager(include_path=folder, include_defaults=False))
        scores = {}
        for name, part in names.items():
            scores |= {(part.subject, metric): results["results"][f"{case.name}__{name}"] for metric in part.metrics}
            if grouped:
                scores |= {(None, metric): results["results"][case.name] for metric in part.metrics}
        keys = {metric: key for part in case.parts for metric, key in part.metrics.items()}
        return {
            "name": case.name, "task": case.task, "few_shot": case.few_shot, "shots": case.shots, "limit": limit,
            "positions": case.positions, "lm_eval": lm_eval.__version__,
            "scores": [self.score(subject, metric, keys[metric], of) for (subject, metric), of in scores.items()],
            "samples": [sample for name, part in names.items()
                        for sample in self.samples(model, part, results["samples"][f"{case.name}__{name}"])]}

    def score(self, subject, metric, key, results):
        error = results.get(key.replace(",", "_stderr,"))
        return {"subject": subject, "metric": metric, "value": float(results[key]),
                "standard_error": float(error) if isinstance(error, (int, float)) else None, "samples": results.get("sample_len")}

    def samples(self, model, part, logged):
        """One record for each row; the filters' records of one row become one."""
        records = {}
        for sample in logged:
            record = records.setdefault(sample["doc_id"], {
                "id": sample["doc_id"], "subject": part.subject, "definition": part.definition, "metrics": {}})
            record["metrics"] |= {metric: sample[key.split(",")[0]] for metric, key in part.metrics.items()
                                  if key.split(",")[1] == sample["filter"] and key.split(",")[0] in sample}
            record["target"] = sample["target"]
            arguments, responses = sample["arguments"], [response[0] for response in sample["resps"]]
            if isinstance(responses[0], str):
                record |= {"prompt": arguments[0][0], "answer": responses[0], "cut": self.cut_prompt(model, *arguments[0])}
                record.setdefault("filtered", {})[sample["filter"]] = sample["filtered_resps"][0]
            elif isinstance(responses[0], tuple):
                likelihoods = [response[0] for response in responses]
                record |= {"contexts": [pair[0] for pair in arguments], "continuations": [pair[1] for pair in arguments],
                           "loglikelihoods": likelihoods, "greedy": [response[1] for response in responses],
                           "prediction": likelihoods.index(max(likelihoods)),
                           "cut": sum(self.cut(model, *pair) > 0 for pair in arguments)}
            else:
                record |= {"text": arguments[0][0], "loglikelihoods": responses, "cut": 0}
            texts = [record["prompt"]] if "prompt" in record else ["".join(pair) for pair in arguments]
            record["unlike"] = sum(map(self.reads_otherwise, [model] * len(texts), texts))
        return list(records.values())

    def reads_otherwise(self, model, text):
        """Whether transformers splits a text in another way than SentencePiece, whose format it reads."""
        if self.pieces is None:
            import sentencepiece
            self.pieces = sentencepiece.SentencePieceProcessor(model_file=os.path.join(self.work, "base", "tokenizer.model"))
        return model.tok_encode(text, add_special_tokens=False) != self.pieces.encode(text)

    def cut(self, model, context, continuation):
        if not context:
            return 0
        context, continuation = model._encode_pair(context, continuation)
        return max(len(context) + len(continuation) - (model.max_length + 1), 0)

    def cut_prompt(self, model, prompt, settings):
        room = model.max_length - settings.get("max_gen_toks", model.max_gen_toks)
        return int(len(model.tok_encode(prompt)) > room)


class Differences:
    def __init__(self):
        self.lines, self.largest, self.counts = [], 0.0, {}

    def say(self, kind, line):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= 3:
            self.lines.append(f"  {kind}: {line}")

    def numbers(self, kind, place, ours, theirs, tolerance):
        if ours is None or theirs is None:
            if ours is not theirs:
                self.say(kind, f"{place}: puna {ours}, lm_eval {theirs}")
        elif math.isnan(ours) or abs(ours - theirs) > tolerance:
            self.say(kind, f"{place}: puna {ours:.9g}, lm_eval {theirs:.9g}")

    def texts(self, kind, place, ours, theirs):
        if ours != theirs:
            at = next((at for at, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
            near = slice(max(at - 20, 0), at + 40)
            self.say(kind, f"{place}: from character {at} puna {ours[near]!r}, lm_eval {theirs[near]!r}")


def compare(reference, output, samples):
    """What `puna evaluate` wrote against what lm-evaluation-harness found."""
    differences = Differences()
    result = output["models"][0]["tasks"][0]
    subjects = {subject["subject"]: subject["metrics"] for subject in result.get("subjects", [])}
    for score in reference["scores"]:
        name = "/".join(filter(None, [score["subject"], score["metric"]]))
        metrics = result["metrics"] if score["subject"] is None else subjects.get(score["subject"], {})
        if score["metric"] not in metrics:
            # A single subject is the task.
            differences.say("no score", name)
            continue
        ours = metrics[score["metric"]]
        scale = max(1, abs(score["value"])) if "perplexity" in score["metric"] or "likelihood" in score["metric"] else 1
        differences.numbers("score", name, ours["value"], score["value"], SHARES * scale)
        if score["standard_error"] is not None:
            differences.numbers("standard error", name, ours["standard_error"], score["standard_error"], SHARES * scale)
    # What is a part of a task here may be a task of its own there, with numbers of its own: then the texts tell.
    parted = all(sample["subject"] is None for sample in reference["samples"]) and any("subject" in sample for sample in samples)
    found = {tuple(texts_of(sample)) if parted else (sample.get("subject"), sample["id"]): sample for sample in samples}
    seen = set()
    for sample in reference["samples"]:
        key = tuple(texts_of(sample)) if parted else (sample["subject"], sample["id"])
        place = f"{sample['subject'] or reference['task']} {sample['id']}"
        if key not in found:
            differences.say("no sample", place)
            continue
        seen.add((key, sample["id"]))
        compare_sample(differences, place, found[key], sample)
    if len(samples) != len(seen):
        differences.say("samples", f"puna {len(samples)}, lm_eval {len(seen)}")
    theirs = len({(sample["subject"], sample["id"]) for sample in reference["samples"] if sample["cut"] > 0})
    if result["cut_contexts"] != theirs:
        differences.say("cut contexts", f"puna {result['cut_contexts']}, lm_eval {theirs}")
    return differences


def texts_of(sample):
    """What the model saw in all, request by request."""
    if "contexts" in sample:
        return [context + continuation for context, continuation in zip(sample["contexts"], sample["continuations"])]
    if "text" in sample:
        return [sample["text"]]
    return [sample["prompt"] + choice for choice in sample.get("choices", [""])]


def compare_sample(differences, place, ours, theirs):
    if "answer" in theirs:
        differences.texts("prompt", place, ours["prompt"], theirs["prompt"])
        differences.texts("answer", place, ours["answer"], theirs["answer"])
        return
    texts = texts_of(ours)
    # One list of choices may serve two of lm-evaluation-harness's tasks.
    shared = len(texts) > len(theirs["loglikelihoods"])
    for at, (text, likelihood) in enumerate(zip(texts_of(theirs), theirs["loglikelihoods"])):
        if shared and text not in texts:
            differences.say("prompt", f"{place}: puna does not ask for {text[-60:]!r}")
            continue
        own = texts.index(text) if shared else at
        differences.texts("prompt", f"{place} [{at}]", texts[own], text)
        found = ours["loglikelihoods"][own]
        differences.largest = max(differences.largest, abs(found - likelihood))
        # Long texts are sums of very many terms, in float32 there.
        differences.numbers("log-likelihood", f"{place} [{at}]", found, likelihood, LIKELIHOODS * max(1, abs(likelihood) / 1000))
    # TruthfulQA's second task weighs its choices, none is chosen; one list of choices serves both.
    if "prediction" in theirs and "mc2" not in theirs["metrics"] and ours["prediction"] is not None:
        differences.texts("choice", place, texts[ours["prediction"]], texts_of(theirs)[theirs["prediction"]])


def run_puna(puna, case, work, base):
    folder = os.path.join(work, "data", case["name"])
    output, samples = (os.path.join(work, "puna", f"{case['name']}.{kind}") for kind in ["json", "samples.jsonl"])
    os.makedirs(os.path.dirname(output), exist_ok=True)
    for path in [output, samples]:
        if os.path.exists(path):
            os.remove(path)
    command = [puna, "evaluate", "--base", base, "--task", case["task"], "--data", folder,
               "--few-shot", str(case["few_shot"]), "--limit", str(case["limit"]), "--precision", "float32", "--output", output,
               "--samples", samples, "--quiet"]
    if case["shots"]:
        command += ["--shots", os.path.join(folder, case["shots"])]
    if case["task"] == "humaneval":
        command.append("--run-code")
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        return None, None, f"  {' '.join(command)}\n  {ran.stderr.strip()}"
    with open(output) as file, open(samples) as lines:
        return json.load(file), [json.loads(line) for line in lines], None


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--base", required=True)
    arguments.add_argument("--work", required=True)
    arguments.add_argument("--only", nargs="*", default=[])
    arguments.add_argument("--limit", type=int, default=200)
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--puna", default=".build/release/puna")
    arguments.add_argument("--reference-only", action="store_true")
    arguments.add_argument("--puna-only", action="store_true")
    arguments.add_argument("--again", action="store_true", help="computes references that are there already, too")
    options = arguments.parse_args()

    reference = None if options.puna_only else Reference(options.work, options.base, options.threads)
    failed = False

    def reference_of(name):
        path = os.path.join(options.work, "reference", f"{name}.json")
        if os.path.exists(path):
            with open(path) as file:
                return json.load(file)
        return None

    for case in cases(options.data, lambda name: (reference_of(name) or {}).get("samples")):
        if options.only and not any(case.name.startswith(name) for name in options.only):
            continue
        path = os.path.join(options.work, "reference", f"{case.name}.json")
        write(os.path.join(options.work, "data", case.name), case.files)
        if not options.puna_only and (options.again or not os.path.exists(path)):
            start = time.monotonic()
            with open(os.path.join(options.work, "lm_eval.log"), "a") as log, contextlib.redirect_stderr(log):
                found = reference.run(case, case.limit or options.limit, options.batch)
            write(os.path.dirname(path), {os.path.basename(path): json.dumps(found, ensure_ascii=False, indent=1)})
            print(f"{case.name:18} {len(found['samples']):5} samples of lm_eval in {time.monotonic() - start:.0f} s", flush=True)
        found = reference_of(case.name)
        if options.reference_only or found is None:
            continue
        base = copy_of(options.base, options.work, case.positions, case.lessons)
        output, samples, error = run_puna(options.puna, found, options.work, base)
        if error:
            failed = True
            print(f"{case.name:18} FAILED\n{error}", flush=True)
            continue
        differences = compare(found, output, samples)
        failed |= bool(differences.counts)
        verdict = "equal" if not differences.counts else ", ".join(f"{count} {kind}" for kind, count in differences.counts.items())
        print(f"{case.name:18} {len(samples):5} samples, largest difference of a log-likelihood {differences.largest:.1e}: {verdict}")
        print("\n".join(differences.lines), end="\n" if differences.lines else "", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
