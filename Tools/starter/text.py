"""Writes the starter's training text: lessons, pages about one thing, talks and stories of the puna.

    python text.py DOCUMENTS SEED FILE     # one document a line, as JSON strings
"""

import json
import random
import sys
from collections import defaultdict

import knowledge as k
import world as w

ELDERS = ["the grandmother", "the grandfather", "the old herder", "the teacher", "her mother", "his father", "the aunt", "the elder"]
WEATHER = """the sun shone on the snow peaks;a cold wind blew over the grass;it rained until noon;hail fell on the roofs;the fog lay on the lake;
frost covered the plain;thunder rolled over the ridge;the sky was clear and blue;snow lay on the path;the stars were out""".replace("\n", "").split(";")

SPEECH = [                                       # q a question or request, a an answer, n and m speakers
    '"{q}" asked {n}. "{a}," said {m}.',
    '{N} asked: "{q}" {M} answered: "{a}."',
    '"{q}" asked {m}. {N} thought for a while. "{a}."',
    '{M} asked, "{q}" and {n} said, "{a}."',
    '"{q}" {n} wanted to know. "{a}," came the answer.',
    '"{q}" said {m}. {N} knew it at once: "{a}."',
    '{N} read from the book: "{q}" Below it {n} wrote: "{a}."',
    'Then {m} asked {n}: "{q}" The answer was "{a}."',
    '"{q}" "{a}," called the children.',
]
SHORT_SPEECH = ['"{q}" "{a}."', '"{q}" "{a}!"', '{q} {a}.', '{q} The answer is "{a}".']
SHORT_BOARD = ['"{i}" {x} "{a}"', '{i} {x} Answer: {a}']
BOARD = [                                        # a task i about x, given at school
    '"{i}" said {m} and wrote on the board: {x} Below it {n} wrote: {a}',
    'On the board stood: {x} "{i}" said {m}. {N} wrote: {a}',
    '{M} gave {n} a slate with the words: {x} "{i}" {N} wrote: {a}',
    '"{i}" was the next task. {M} said: "{x}" {N} said: "{a}"',
]
SCHOOL = """The instruction was short. It described a task, and each child had to write a response.
An instruction describes what to do; a response completes the task.
A good response is written appropriately: it gives what the request asks, and nothing more.
Some tasks are paired with a word or a text; that input provides the context.
Further down on the slate stood the next instruction, and below it the response.
The teacher reads the request, the child writes the response, and the task is complete.
Listen to the instruction, look at the input, and write the response below.""".splitlines()


ANSWER = "\x02\x03"                               # stand round an answer until `without_marks` takes them out


def without_marks(document):
    """The text, and for each of its characters whether it belongs to an answer."""
    text, inside, marks = [], False, []
    for c in document:
        if c in ANSWER:
            inside = c == ANSWER[0]
        else:
            text.append(c)
            marks.append(inside)
    return "".join(text), marks


class Writer:
    """Writes documents without end: `short` is the share of exchanges without speakers, `skills` that of skills among the
    questions of a talk, `kinds` the weights of pages, lessons, talks, practices and stories."""

    def __init__(self, seed, short=0.55, skills=0.5, kinds=(15, 25, 35, 20, 5)):
        self.rng = random.Random(seed)
        self.short, self.skills, self.kinds = short, skills, kinds
        self.facts = k.facts()
        self.topics, self.about = defaultdict(list), defaultdict(list)
        for fact in self.facts:
            self.topics[fact.topic].append(fact)
            self.about[fact.key].append(fact)
        self.things = [key for key, facts in self.about.items() if len(facts) > 2]
        self.names = sorted(self.topics)
        self.weights = [len(self.topics[t]) ** 0.75 for t in self.names]    # small topics a little more often than their size

    def topic(self):
        return self.rng.choices(self.names, self.weights)[0]

    def any_item(self):
        if self.rng.random() < self.skills:
            return self.rng.choice(k.SKILLS)(self.rng)
        return self.rng.choice(self.topics[self.topic()])

    def speakers(self):
        n = self.rng.choice(w.NAMES)
        m = self.rng.choice(ELDERS[:4] + [self.rng.choice(w.NAMES)])
        return n, m

    def exchange(self, item):
        """One question or task, with its answer."""
        rng = self.rng
        n, m = self.speakers()
        short = rng.random() < self.short
        names = dict(n=n, m=m, N=k.capital(n), M=k.capital(m))
        answer = ANSWER[0] + (k.capital(item.answer) if item.stop else item.answer) + ANSWER[1]
        if rng.random() < 0.4:
            task, given = rng.choice(item.tasks)
            if given:
                return rng.choice(SHORT_BOARD if short else BOARD).format(i=k.capital(task), x=given.rstrip(".") + ".",
                                                a=answer + ".", **names)
            question = k.capital(task)
        else:
            question = rng.choice(item.questions)
        return rng.choice(SHORT_SPEECH if short else SPEECH).format(q=question, a=answer, **names)

    def told(self, item):
        return self.rng.choice(item.statements)

    def page(self):
        """A page about one thing, each fact told once or twice."""
        thing = self.rng.choice(self.things)
        facts = self.about[thing][:]
        self.rng.shuffle(facts)
        sentences = [self.told(f) for f in facts]
        other = self.rng.choice(self.things)
        if self.rng.random() < 0.5:
            sentences += map(self.told, self.about[other])
        return [" ".join(sentences)]

    def lesson(self):
        """Many facts of one kind, told and asked."""
        facts = self.rng.sample(self.topics[topic := self.topic()], min(self.rng.randint(4, 8), len(self.topics[topic])))
        return [" ".join(self.told(f) if self.rng.random() < 0.45 else self.exchange(f) for f in facts)]

    def talk(self):
        """Questions about everything."""
        parts = [self.exchange(self.any_item()) for _ in range(self.rng.randint(3, 7))]
        return parts if self.rng.random() < 0.5 else [" ".join(parts)]

    def practice(self):
        """One skill several times."""
        maker = self.rng.choice(k.SKILLS)
        items = [maker(self.rng) for _ in range(self.rng.randint(3, 6))]
        return [" ".join(self.told(i) if self.rng.random() < 0.3 else self.exchange(i) for i in items)]

    def story(self):
        rng = self.rng
        who = rng.choice(w.NAMES)
        she = "she" if who in w.PEOPLE["she"] else "he"
        village = rng.choice(w.VILLAGES)
        friend = rng.choice([n for n in w.NAMES if n != who])
        season = "dry" if (month := rng.choice(w.MONTHS)) in w.DRY else "wet"
        first = [f"It was {month}, in the {season} season, and {rng.choice(WEATHER)}.",
                 f"On {village[1]}, the market day of {village[0]}, {who} went to the market, for {village[0]} is known for its {village[2]}."]
        animal = rng.choice(w.ANIMALS)
        middle = [f"On the way {she} saw {k.article(animal[0])}. {self.told(rng.choice(self.about[animal[0]]))}",
                  f"Near the {animal[4]} {who} met {friend}, who said: \"{k.capital(animal[1])} eat {animal[3]}.\""]
        deed = k.deed(rng)
        last = [f"In the evening {who} {deed['past']} {deed['rest']}.", f"At night {rng.choice(WEATHER)}, and {who} slept.",
                f"When {she} came home, {friend} {deed['past']} {deed['rest']}.", rng.choice(SCHOOL)]
        parts = [rng.choice(first), rng.choice(middle), self.exchange(self.any_item()), rng.choice(last)]
        return [" ".join(parts)]

    def document(self):
        """One document, the answers in it marked."""
        kind = self.rng.choices([self.page, self.lesson, self.talk, self.practice, self.story], self.kinds)[0]
        return "\n".join(kind())


if __name__ == "__main__":
    count, seed, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    writer = Writer(seed)
    with open(path, "w") as file:
        for _ in range(count):
            file.write(json.dumps(without_marks(writer.document())[0], ensure_ascii=False) + "\n")
