"""Files as they are published, and the same rows as lm-evaluation-harness's data sets hold them.

`cases(source)` reads the real data in SOURCE and makes every comparison of `evaluation.py`. What is not there (piqa, boolq, winogrande,
openbookqa, triviaqa, C-Eval) is made of other tasks' real sentences in the published format: form and scoring are compared, not knowledge.
"""
import bz2
import csv
import gzip
import io
import json
import os
import re
from dataclasses import dataclass, field


@dataclass
class Part:
    """One task of lm-evaluation-harness."""
    definition: str                      # its YAML file below lm_eval/tasks
    splits: dict[str, list[dict]]        # rows as its data set has them
    metrics: dict[str, str]              # Puna's name of a metric: lm-evaluation-harness's, with its filter
    subject: str | None = None
    settings: dict = field(default_factory=dict)


@dataclass
class Case:
    name: str
    task: str                            # Puna's name of it
    parts: list[Part]
    files: dict[str, str | bytes]        # what `--data` gets
    few_shot: int = 0
    shots: str | None = None             # of the files, for `--shots`: where no training file lies beside what is scored
    positions: int | None = None         # instead of the base's own
    generates: bool = False
    lessons: list[dict] | None = None    # what the base learns before it is asked
    limit: int | None = None             # of each part, instead of the one that is asked for


CHOICE = {"acc": "acc,none", "acc_norm": "acc_norm,none"}
ONLY_ACC = {"acc": "acc,none"}


def lines(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def table(rows, header=None):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(([header] if header else []) + rows)
    return text.getvalue()


class Source:
    def __init__(self, folder):
        self.folder = folder

    def bytes(self, *path):
        with open(os.path.join(self.folder, *path), "rb") as file:
            return file.read()

    def text(self, *path):
        return self.bytes(*path).decode().replace("\r\n", "\n")

    def evaluation(self, *path):
        return self.text("evaluation", *path)

    def csv(self, *path):
        return list(csv.reader(io.StringIO(self.evaluation(*path))))

    def jsonl(self, name):
        return [json.loads(line) for line in self.evaluation(name).splitlines()]

    def hellaswag(self):
        text = bz2.decompress(self.bytes("evaluation", "hellaswag_val_full.txt.bz2")).decode().split("\n")
        return [text[at:at + 6] for at in range(0, len(text) - 5, 6)]

    def arc(self):
        """Question and answers out of the instruction form."""
        form = re.compile(r"Please choose the correct answer to the question: (.*)\n\n(Answer1: .*)\n\nAnswer format: .*", re.S)
        for at, row in enumerate(json.loads(self.evaluation("arc_challenge_test.json"))):
            question, answers = form.fullmatch(row["instruction"]).groups()
            choices = [choice.strip() for choice in re.split(r" ?Answer\d: ", answers)[1:]]
            yield {"id": f"ARC_{at}", "question": question, "answerKey": "ABCDE"[int(row["answer"][6:]) - 1],
                   "choices": {"text": choices, "label": list("ABCDE"[:len(choices)])}}

    def paragraphs(self):
        """Of WikiText, without the names it leaves out: to a tokenizer those are special."""
        text = self.text("text", "wikitext2_test.txt").replace("<unk>", "Unk")
        return [line.strip() for line in text.split("\n") if len(line) > 200]

    def pages(self):
        text = self.text("text", "wikitext2_test.txt").replace("<unk>", "Unk")
        starts = [match.start() + 1 for match in re.finditer(r"\n = [^=\n]+ = \n", text)]
        return [text[start:end].strip() + "\n" for start, end in zip(starts, starts[1:] + [len(text)])]


def ai2(rows):
    """The form of AI2's own downloads."""
    return lines({"id": row["id"], "question": {"stem": row["question"], "choices": [
        {"text": text, "label": label} for text, label in zip(row["choices"]["text"], row["choices"]["label"])]},
        "answerKey": row["answerKey"]} for row in rows)


def mmlu(source, few_shot, published):
    parts, files = [], {}
    for subject in ["astronomy", "elementary_mathematics", "us_foreign_policy", "high_school_us_history"]:
        splits = {}
        for split in ["dev", "test"]:
            rows = source.csv("mmlu", split, f"{subject}_{split}.csv")[1:]
            splits[split] = [{"question": row[0], "choices": row[1:5], "answer": int(row[5])} for row in rows]
            name = f"{subject}_{split}.csv"
            letters = [row[:5] + ["ABCD"[int(row[5])]] for row in rows]
            files[f"{split}/{name}"] = table(letters) if published else source.evaluation("mmlu", split, name)
        parts.append(Part(f"mmlu/default/mmlu_{subject}.yaml", splits, ONLY_ACC, subject))
    return Case(f"mmlu_{few_shot}", "mmlu", parts, files, few_shot, limit=60)


def cmmlu(source, few_shot):
    parts, files = [], {}
    for subject in ["anatomy", "ancient_chinese", "elementary_commonsense"]:
        splits = {}
        for split in ["dev", "test"]:
            rows = source.csv("cmmlu", split, f"{subject}.csv")
            splits[split] = [dict(zip(["Question", "A", "B", "C", "D", "Answer"], row[1:])) for row in rows[1:]]
            files[f"{split}/{subject}.csv"] = source.evaluation("cmmlu", split, f"{subject}.csv")
        parts.append(Part(f"cmmlu/cmmlu_{subject}.yaml", splits, CHOICE, subject))
    return Case(f"cmmlu_{few_shot}", "cmmlu", parts, files, few_shot, limit=70)


def ceval(source, few_shot):
    parts, files = [], {"subject_mapping.json": source.evaluation("ceval_subject_mapping.json")}
    columns = ["id", "question", "A", "B", "C", "D", "answer"]
    for subject, other in [("accountant", "professional_accounting"), ("middle_school_biology", "genetics")]:
        splits = {}
        for split, origin in [("dev", "dev"), ("val", "test")]:
            rows = source.csv("cmmlu", origin, f"{other}.csv")[1:]
            splits[split] = [dict(zip(columns, row)) for row in rows]
            more = split == "dev"
            files[f"{split}/{subject}_{split}.csv"] = table(
                [row + [""] * more for row in rows], columns + ["explanation"] * more)
        parts.append(Part(f"ceval/ceval-valid_{subject}.yaml", splits, CHOICE, subject))
    return Case(f"ceval_{few_shot}", "ceval", parts, files, few_shot, limit=110)


def hellaswag_text(source):
    rows = source.hellaswag()[:200]
    docs = [{"query": row[0], "choices": row[2:], "label": row[1]} for row in rows]
    part = Part("hellaswag/hellaswag.yaml", {"validation": docs}, CHOICE, settings={"process_docs": None, "training_split": None})
    text = "".join("\n".join(row) + "\n" for row in rows)
    return Case("hellaswag_text", "hellaswag", [part], {"hellaswag_val.txt.bz2": bz2.compress(text.encode())})


def hellaswag(source, few_shot):
    """The published rows, put together again out of the text; some with the marks that WikiHow's rows have."""
    rows = []
    for at, (context, label, *endings) in enumerate(source.hellaswag()[200:480]):
        activity, _, text = context.partition(": ")
        first, _, second = text.rpartition(". ")
        if at % 5 == 0:
            first, endings = first.replace(". ", ". [title] "), [endings[0] + " [step] Then  rest."] + endings[1:]
        rows.append({"ind": at, "activity_label": activity, "ctx_a": first + "." if first else second, "ctx_b": second if first else "",
                     "ctx": text, "endings": endings, "source_id": f"activitynet~v_{at}", "split": "val", "split_type": "indomain",
                     "label": int(label)})
    scored, shots = rows[:200], rows[200:]
    docs = {"validation": scored, "train": shots}
    files = {"hellaswag_val.jsonl": lines(scored), "hellaswag_train.jsonl": lines(shots)}
    return Case(f"hellaswag_{few_shot}", "hellaswag", [Part("hellaswag/hellaswag.yaml", docs, CHOICE)], files, few_shot)


def arc(source):
    rows = list(source.arc())
    scored, shots = rows[:220], rows[220:320]
    unlike = {"validation_split": None}
    hard, easy = (Part(f"arc/arc_{name}.yaml", {"test": scored, "train": shots}, CHOICE, settings=unlike) for name in ["challenge", "easy"])
    own = {"ARC-Challenge-Test.jsonl": ai2(scored), "ARC-Challenge-Train.jsonl": ai2(shots)}
    hub = {"ARC-Easy/test.jsonl": lines(scored), "ARC-Easy/train.jsonl": lines(shots)}
    return [
        Case("arc_challenge_0", "arc_challenge", [hard], own), Case("arc_challenge_5", "arc_challenge", [hard], own, 5),
        Case("arc_easy_0", "arc_easy", [easy], hub), Case("arc_easy_3", "arc_easy", [easy], hub, 3),
        Case("arc_instruction", "arc_challenge", [Part(hard.definition, {"test": rows, "train": shots}, CHOICE, settings=unlike)],
             {"arc_challenge_test.json": source.evaluation("arc_challenge_test.json")})]


def openbookqa(source, few_shot):
    rows = list(source.arc())[300:600]
    docs = [{"id": row["id"], "question_stem": row["question"], "choices": row["choices"], "answerKey": row["answerKey"]} for row in rows]
    part = Part("openbookqa/openbookqa.yaml", {"test": docs[:200], "train": docs[200:]}, CHOICE, settings={"validation_split": None})
    files = {"test.jsonl": ai2(rows[:200]), "shots/more.jsonl": ai2(rows[200:])}
    return Case(f"openbookqa_{few_shot}", "openbookqa", [part], files, few_shot, "shots/more.jsonl" if few_shot else None)


def piqa(source, few_shot):
    rows = [{"goal": row[0], "sol1": row[2], "sol2": row[3], "label": at % 2} for at, row in enumerate(source.hellaswag()[500:800])]
    files = {}
    for name, some in [("dev", rows[:200]), ("train", rows[200:])]:
        files[f"{name}.jsonl"] = lines({key: row[key] for key in ["goal", "sol1", "sol2"]} for row in some)
        files[f"{name}-labels.lst"] = "".join(f"{row['label']}\n" for row in some)
    part = Part("piqa/piqa.yaml", {"validation": rows[:200], "train": rows[200:]}, CHOICE)
    return Case(f"piqa_{few_shot}", "piqa", [part], files, few_shot)


def boolq(source, few_shot):
    questions = source.jsonl("NQ-open.dev.jsonl")
    rows = [{"question": question["question"], "title": f"Article {at}", "answer": at % 3 != 0, "passage": passage}
            for at, (question, passage) in enumerate(zip(questions, source.paragraphs()[:260]))]
    # SuperGLUE's rows, which are asked there, begin with the title.
    docs = [{"question": row["question"], "passage": f"{row['title']} -- {row['passage']}", "idx": at, "label": int(row["answer"])}
            for at, row in enumerate(rows)]
    part = Part("super_glue/boolq/default.yaml", {"validation": docs[:200], "train": docs[200:]}, ONLY_ACC)
    files = {"dev.jsonl": lines(rows[:200]), "train.jsonl": lines(rows[200:])}
    return Case(f"boolq_{few_shot}", "boolq", [part], files, few_shot, "train.jsonl" if few_shot else None)


PRONOUNS = re.compile(r"\b(he|him|his|she|her|they|them|their)\b", re.I)


def winogender_rows(source):
    for line in source.evaluation("winogender_all_sentences.tsv").splitlines()[1:]:
        name, sentence = line.split("\t")
        occupation, participant, answer, gender, _ = name.split(".")
        yield {"sentence": sentence, "pronoun": PRONOUNS.search(sentence)[0], "occupation": occupation, "participant": participant,
               "gender": gender, "label": int(answer)}


def winogender(source):
    rows = list(winogender_rows(source))
    files = {"all_sentences.tsv": source.evaluation("winogender_all_sentences.tsv")}
    return [Case(f"winogender{end}", task, [Part(f"winogender/winogender{end}.yaml", {"test": rows}, ONLY_ACC)], files, limit=limit)
            for end, task, limit in [("", "winogender", 720), ("_female", "winogender/female", 240)]]


def winogrande(source, few_shot):
    rows = [{"qID": f"Q{at}", "sentence": PRONOUNS.sub("_", row["sentence"], count=1), "option1": f"the {row['occupation']}",
             "option2": f"the {row['participant']}", "answer": str(row["label"] + 1)} for at, row in enumerate(winogender_rows(source))]
    part = Part("winogrande/default.yaml", {"validation": rows[:200], "train": rows[400:500]}, ONLY_ACC)
    files = {"dev.jsonl": lines(rows[:200]), "train_xl.jsonl": lines(rows[400:500])}
    return Case(f"winogrande_{few_shot}", "winogrande", [part], files, few_shot, "train_xl.jsonl" if few_shot else None)


def truthfulqa(source):
    rows = json.loads(source.evaluation("truthfulqa_mc_task.json"))
    docs = [{"question": row["question"]} | {name: {"choices": list(row[name]), "labels": list(row[name].values())}
                                             for name in ["mc1_targets", "mc2_targets"]} for row in rows]
    parts = [Part(f"truthfulqa/truthfulqa_{name}.yaml", {"validation": docs}, {name: "acc,none"}) for name in ["mc1", "mc2"]]
    return Case("truthfulqa_mc", "truthfulqa_mc", parts, {"mc_task.json": source.evaluation("truthfulqa_mc_task.json")})


def crows_pairs(source):
    text = source.evaluation("crows_pairs_anonymized.csv")
    rows = [{key: row[key] for key in ["sent_more", "sent_less", "bias_type"]} for row in csv.DictReader(io.StringIO(text))]
    metrics = {name: f"{name},none" for name in ["likelihood_diff", "pct_stereotype"]}
    files = {"crows_pairs_anonymized.csv": text}
    return [Case(f"crows_pairs{end}", task, [Part(f"crows_pairs/crows_pairs_english{end}.yaml", {"test": rows}, metrics)], files,
                 limit=len(rows)) for end, task in [("", "crows_pairs"), ("_gender", "crows_pairs/gender")]]


EXACT = {"exact_match": "exact_match,remove_whitespace"}


def nq_open(source, few_shot, given):
    rows = source.jsonl("NQ-open.dev.jsonl")
    part = Part("nq_open/nq_open.yaml", {"validation": rows[:300], "train": rows[-60:]}, EXACT)
    name, shots = ("nq_open_given", "shots.jsonl") if given else (f"nq_open_{few_shot}", "NQ-open.train.jsonl")
    files = {"NQ-open.dev.jsonl": lines(rows[:300]), shots: lines(rows[-60:])}
    return Case(name, "nq_open", [part], files, few_shot, shots if given else None, generates=True)


def accepted(answers):
    """Rows whose accepted answers are made of what the model says: a small model says nothing right by itself. `answers` are its own."""
    def variants(answer, at):
        all = [answer, answer.upper(), f"the {answer}", f"{answer}!", f"A {answer}?", f"not {answer}", f"\u201c{answer}\u201d"]
        return [all[at % 7]] + ["unk"] * (at % 3 == 0)
    rows = [{"question": row["prompt"].split("Q: ")[1].split("?\nA:")[0], "answer": variants(row["answer"], at)}
            for at, row in enumerate(answers)]
    part = Part("nq_open/nq_open.yaml", {"validation": rows}, EXACT, settings={"training_split": None})
    return Case("nq_open_accepted", "nq_open", [part], {"NQ-open.dev.jsonl": lines(rows)}, generates=True)


def triviaqa(source, few_shot):
    rows, files = [], {}
    for at, row in enumerate(source.jsonl("NQ-open.dev.jsonl")[400:700]):
        aliases = list(dict.fromkeys(row["answer"] + [answer.title() for answer in row["answer"]]))
        rows.append({"question": row["question"].capitalize() + "?", "question_id": f"tc_{at}", "answer": {
            "aliases": aliases, "normalized_aliases": [alias.lower() for alias in aliases], "value": aliases[0],
            "normalized_value": aliases[0].lower(), "type": "WikipediaEntity"}})
    for name, some in [("dev", rows[:240]), ("train", rows[240:])]:
        data = [{"Answer": {"Aliases": row["answer"]["aliases"], "NormalizedAliases": row["answer"]["normalized_aliases"],
                            "NormalizedValue": row["answer"]["normalized_value"], "Type": "WikipediaEntity",
                            "Value": row["answer"]["value"]}, "EntityPages": [], "Question": row["question"],
                 "QuestionId": row["question_id"], "QuestionSource": "http://www.triviacountry.com/"} for row in some]
        files[f"unfiltered-web-{name}.json"] = json.dumps({"Data": data, "Domain": "Web", "Split": name, "Version": 1.0})
    part = Part("triviaqa/default.yaml", {"validation": rows[:240], "train": rows[240:]}, EXACT)
    return Case(f"triviaqa_{few_shot}", "triviaqa", [part], files, few_shot, generates=True)


def gsm8k(source, few_shot, taught=False):
    rows = source.jsonl("gsm8k_test.jsonl")
    metrics = {"exact_match_strict": "exact_match,strict-match", "exact_match_flexible": "exact_match,flexible-extract"}
    lessons = rows[400:] if taught else None
    name = "gsm8k_taught" if taught else f"gsm8k_{few_shot}"
    if taught:
        # What it has learnt to say is right for some.
        solutions = ["Quick.\n#### 1", "#### $1", "So 2 * 5 = 10.\n#### 10", "#### 1,0.", "#### 7"]
        rows = [row | {"answer": solutions[at % len(solutions)]} for at, row in enumerate(rows)]
    part = Part("gsm8k/gsm8k.yaml", {"test": rows[:-40], "train": rows[-40:]}, metrics)
    files = {"test.jsonl": lines(rows[:-40]), "train.jsonl": lines(rows[-40:])}
    return Case(name, "gsm8k", [part], files, few_shot, generates=True, lessons=lessons)


def humaneval(source):
    """Answers only: lm-evaluation-harness loads what runs the programs from the network. Its 1,024 new tokens need a longer model."""
    packed = source.bytes("evaluation", "HumanEval.jsonl.gz")
    rows = [json.loads(line) for line in gzip.decompress(packed).decode().splitlines()]
    settings = {"metric_list": [{"metric": "bypass"}], "filter_list": None, "unsafe_code": False}
    part = Part("humaneval/humaneval.yaml", {"test": rows}, {}, settings=settings)
    return Case("humaneval", "humaneval", [part], {"HumanEval.jsonl.gz": packed}, positions=2048, generates=True, limit=24)


PERPLEXITIES = {name: f"{name},none" for name in ["word_perplexity", "byte_perplexity", "bits_per_byte"]}


def perplexity(source):
    only_test = {"training_split": None, "validation_split": None}
    plain = only_test | {"doc_to_target": "{{page}}"}
    stories = [text.strip() for text in source.text("text", "tinystories_sample.txt").split("<|endoftext|>")]
    rows = [{"page": text} for text in (stories[1:121] + source.paragraphs()[:120]) if text]
    long = {"stories.txt": "\n\n".join(stories[1:60]) + "\n", "hamlet.txt": source.text("text", "tinyshakespeare.txt")[:60_001],
            "chinese.txt": source.text("text", "hongloumeng_zh.txt").strip()[:5_003]}
    pages, texts = ([{"page": text} for text in some] for some in [source.pages()[:24], [long[name] for name in sorted(long)]])
    return [Case(name, task, [Part("wikitext/wikitext.yaml", {"test": some}, PERPLEXITIES, settings=settings)], files)
            for name, task, some, settings, files in [
                ("perplexity_rows", "perplexity", rows, plain, {"texts.jsonl": lines(rows)}),
                ("perplexity_files", "perplexity", texts, plain, long),
                ("wikitext", "wikitext", pages, only_test, {"wikitext-test.jsonl": lines(pages)})]]


def cases(folder, reference):
    """`reference` gives the samples of a case that ran before, by its name."""
    source = Source(folder)
    answers = reference("nq_open_0")
    return ([accepted(answers)] if answers else []) + [
        mmlu(source, 0, published=False), mmlu(source, 5, published=True), cmmlu(source, 0), cmmlu(source, 5), ceval(source, 0),
        ceval(source, 5), hellaswag_text(source), hellaswag(source, 0), hellaswag(source, 3), *arc(source), openbookqa(source, 0),
        openbookqa(source, 2), piqa(source, 0), piqa(source, 3), boolq(source, 0), boolq(source, 1), winogrande(source, 0),
        winogrande(source, 4), *winogender(source), truthfulqa(source), *crows_pairs(source), *perplexity(source),
        nq_open(source, 0, given=False), nq_open(source, 5, given=False), nq_open(source, 3, given=True), triviaqa(source, 0),
        triviaqa(source, 3), gsm8k(source, 0), gsm8k(source, 5), gsm8k(source, 0, taught=True), humaneval(source)]
