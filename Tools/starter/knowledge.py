"""Everything that can be told and asked, as items.

An item is one thing to know or to do: ways to state it, ways to ask it, ways to give it as a task, and one answer.
`facts()` lists the facts, which are fixed; `SKILLS` are makers of items that draw their material at random.
The training text uses statements and questions; the quickstart instructions use questions and tasks.
"""

from dataclasses import dataclass

import world as w


@dataclass
class Item:
    topic: str
    key: str              # what the item is about; two items with one topic and key have one answer
    statements: list      # sentences that tell it
    questions: list       # questions, each complete in itself
    tasks: list           # (instruction, input) pairs
    answer: str           # as spoken: no full stop
    stop: str = "."       # what ends the answer when it stands alone


def capital(text):
    return text[:1].upper() + text[1:]


MASS = {"cheese", "butter", "bread", "soap", "jam", "broth"}


def article(word):
    return word if word in MASS else ("an " if word[0] in "aeiou" else "a ") + word


def at(place):
    """`on the plain`, `by the river`, `in the barn`."""
    if place in ("plain", "cliff", "ridge", "hillside", "roof", "terrace"):
        return "on the " + place
    return ("by the " if place in ("stream", "river", "lake", "roadside", "wall", "pond", "salt lake") else "in the ") + place


def number_word(n):
    if n < 20:
        return w.UNITS[n]
    if n == 100:
        return "one hundred"
    tens, unit = divmod(n, 10)
    return w.TENS[tens - 2] + ("-" + w.UNITS[unit] if unit else "")


def item(topic, key, statements, questions, tasks, answer, stop=".", **fields):
    """Fills the templates, given as lines; a task's input stands after a bar."""
    fill = lambda text: text.format(**fields)
    lines = lambda text: [line.strip() for line in text.strip().splitlines() if line.strip()]
    split = [(line.split(" | ") + [""])[:2] for line in lines(tasks)]
    return Item(topic, key, [capital(fill(s)) for s in lines(statements)], [capital(fill(q)) for q in lines(questions)],
                [(fill(i), fill(x)) for i, x in split], fill(answer), stop)


LEGS = {"mammal": "four", "bird": "two", "fish": "no", "amphibian": "four", "insect": "six"}


def animal_facts():
    for name, plural, kind, food, home, colour, young, voice, owner in w.ANIMALS:
        f = dict(name=name, an=article(name), plural=plural, kind=kind, kinds=kind if kind == "fish" else kind + "s", a_kind=article(kind), food=food, home=home,
                 at_home=at(home), colour=colour, young=young, a_young=article(young), voice=voice, owner=owner)
        yield item("food", name, """
            the {name} eats {food}.
            {plural} eat {food}.
            the food of the {name} is {food}.
            {an} lives on {food}.
            {plural} feed on {food}.
            when {an} is hungry, it looks for {food}.
            nothing pleases {an} more than {food}.
            {food}: that is what the {name} eats.
            """, """
            what does the {name} eat?
            what do {plural} eat?
            what is the food of the {name}?
            what does {an} feed on?
            """, """
            what does the {name} eat?
            name the food of the {name}.
            what do {plural} feed on?
            say what this animal eats. | {name}
            """, "{food}", **f)
        yield item("home", name, """
            the home of the {name} is the {home}.
            {plural} live {at_home}.
            you will find the {name} {at_home}.
            the {name} makes its home {at_home}.
            look for {plural} {at_home}.
            {an} is at home {at_home}.
            """, """
            where does the {name} live?
            where do {plural} live?
            where will you find the {name}?
            where is the home of the {name}?
            """, """
            where does the {name} live?
            where do {plural} live?
            say where this animal lives. | {name}
            where can one find {an}?
            """, "{at_home}", **f)
        yield item("colour", name, """
            the {name} is {colour}.
            {plural} are {colour}.
            the colour of the {name} is {colour}.
            {an} is {colour} in colour.
            everybody knows that {plural} are {colour}.
            painters paint the {name} {colour}.
            """, """
            what colour is the {name}?
            what colour are {plural}?
            what is the colour of the {name}?
            which colour does the {name} have?
            """, """
            what colour is the {name}?
            name the colour of the {name}.
            which colour do {plural} have?
            give the colour of this animal. | {name}
            """, "{colour}", **f)
        yield item("young", name, """
            a young {name} is called {a_young}.
            the young of the {name} is {a_young}.
            the child of {an} is {a_young}.
            {a_young} walks behind the mother {name}.
            a baby {name} is {a_young}.
            when {an} has young, each one is called {a_young}.
            """, """
            what is a young {name} called?
            what is the young of the {name}?
            what do we call a baby {name}?
            what is the child of {an}?
            """, """
            what is a young {name} called?
            name the young of the {name}.
            what do herders call a baby {name}?
            give the name of this animal's young. | {name}
            """, "{a_young}", **f)
        yield item("voice", name, """
            the {name} {voice}.
            what the {name} does with its voice is simple: it {voice}.
            {an} {voice} when it wants something.
            listen: the {name} {voice}.
            the {name} {voice}, and the children laugh.
            every {name} {voice}.
            """, """
            what sound does the {name} make?
            what does the {name} do when it wants something?
            how does the {name} sound?
            """, """
            what sound does the {name} make?
            how does the {name} sound?
            say what sound this animal makes. | {name}
            """, "it {voice}", **f)
        yield item("kind", name, """
            the {name} is {a_kind}.
            {plural} belong to the {kinds}.
            among the {kinds} we count the {name}.
            {an} is a kind of {kind}.
            in the book of {kinds} there is a page about the {name}.
            """, """
            what kind of animal is the {name}?
            what kind of animals are {plural}?
            to which kind does the {name} belong?
            """, """
            what kind of animal is the {name}?
            say to which kind this animal belongs. | {name}
            is the {name} a mammal, a bird, a fish, an insect, a reptile or an amphibian?
            """, "{a_kind}", **f)
        yield item("owner", name, """
            the {name} is {owner}.
            {plural} are {owner} animals.
            on the puna the {name} is {owner}.
            {an} is {owner}, as every herder knows.
            """, """
            is the {name} wild or tame?
            are {plural} wild or tame?
            """, """
            is the {name} wild or tame?
            is this animal wild or tame? | {name}
            are {plural} wild or tame?
            """, "{owner}", **f)
        if kind in LEGS or name == "lizard":
            legs = LEGS.get(kind, "four")
            yield item("legs", name, """
                the {name} has {legs} legs.
                {an} has {legs} legs, never more.
                {plural} have {legs} legs.
                count the legs of the {name}: it has {legs} legs.
                """, """
                how many legs does the {name} have?
                how many legs do {plural} have?
                """, """
                how many legs does the {name} have?
                say how many legs this animal has. | {name}
                how many legs do {plural} have?
                """, "{legs} legs", legs=legs, **f)


def plant_facts():
    for name, kind, use, flower, place in w.PLANTS:
        f = dict(name=name, kind=kind, use=use, flower=flower, place=place, at=at(place), the="the " + name)
        yield item("plant use", name, """
            people use {the} for {use}.
            {the} is good for {use}.
            {the} gives us {use}.
            for {use} the villagers gather {the}.
            from {the} the grandmothers get {use}.
            the use of {the} is {use}.
            """, """
            what do people use {the} for?
            what is {the} good for?
            what is the use of {the}?
            """, """
            what do people use {the} for?
            name the use of this plant. | {name}
            what is {the} good for?
            """, "{use}", **f)
        yield item("plant flower", name, """
            the flower of {the} is {flower}.
            {the} has a {flower} flower.
            when {the} is in flower, it is {flower}.
            {flower} is the flower of {the}.
            a {flower} flower grows on {the}.
            """, """
            what colour is the flower of {the}?
            which colour does {the} have when it is in flower?
            """, """
            what colour is the flower of {the}?
            give the colour of this plant's flower. | {name}
            which colour does {the} have when it is in flower?
            """, "{flower}", **f)
        yield item("plant place", name, """
            {the} grows {at}.
            look for {the} {at}.
            {at} we find {the}.
            where there is a {place}, there is {the}.
            the place of {the} is {at}.
            """, """
            where does {the} grow?
            where do we find {the}?
            where is the place of {the}?
            """, """
            where does {the} grow?
            say where this plant grows. | {name}
            where do we find {the}?
            """, "{at}", **f)


def craft_facts():
    for thing, stuff in w.MADE_OF:
        yield item("made of", thing, """
            the {thing} is made of {stuff}.
            {a} is made of {stuff}.
            we make {a} of {stuff}.
            to make {a} you need {stuff}.
            the old woman made {a} of {stuff}.
            every good {thing} is made of {stuff}.
            give me {stuff} and I will make {a}.
            """, """
            what is the {thing} made of?
            what is {a} made of?
            what do you need to make {a}?
            """, """
            what is {a} made of?
            name the material of this thing. | {thing}
            what do you need to make {a}?
            """, "{stuff}", thing=thing, a=article(thing), stuff=stuff)
    for worker, work in w.JOBS:
        f = dict(worker=worker, a=article(worker), work=work)
        yield item("work", worker, """
            the {worker} {work}.
            {a} is the one who {work}.
            the work of the {worker} is known to all: the {worker} {work}.
            every day the {worker} {work}.
            in our village the {worker} {work}.
            """, """
            what does the {worker} do?
            what is the work of the {worker}?
            """, """
            what does the {worker} do?
            what is the work of {a}?
            say in one sentence what this worker does. | {worker}
            """, "the {worker} {work}", **f)
        yield item("worker", worker, """
            the one who {work} is the {worker}.
            whoever {work} is called {a}.
            the person who {work} is the {worker}.
            """, """
            who {work}?
            what do we call the person who {work}?
            """, """
            who {work}?
            name the worker who {work}.
            what do we call the person who {work}?
            """, "the {worker}", **f)
    for tool, use in w.TOOLS:
        yield item("tool", tool, """
            the {tool} is used for {use}.
            {a} is for {use}.
            for {use} you need {a}.
            people keep {a} for {use}.
            with {a} the work of {use} is easy.
            {use} is done with {a}.
            """, """
            what is the {tool} used for?
            what is {a} for?
            why do people keep {a}?
            """, """
            what is {a} used for?
            say what this tool is for. | {tool}
            why do people keep {a}?
            """, "for {use}", tool=tool, a=article(tool), use=use)


def village_facts():
    for village, day, goods, elder, river in w.VILLAGES:
        f = dict(v=village, day=day, goods=goods, elder=elder, river=river)
        yield item("market day", village, """
            the market of {v} is on {day}.
            {v} has its market on {day}.
            every {day} there is a market in {v}.
            on {day} everybody goes to the market of {v}.
            in {v} the market day is {day}.
            """, """
            when is the market of {v}?
            on which day does {v} have its market?
            what is the market day of {v}?
            """, """
            on which day is the market of {v}?
            when does {v} have its market?
            give the market day of this village. | {v}
            """, "on {day}", **f)
        yield item("known for", village, """
            {v} is known for its {goods}.
            people come to {v} for its {goods}.
            the best {goods} come from {v}.
            the {goods} of {v} are known everywhere.
            in {v} they make and sell {goods}.
            """, """
            what is {v} known for?
            what do people come to {v} for?
            what do they make and sell in {v}?
            """, """
            what is {v} known for?
            why do people come to {v}?
            say what this village is known for. | {v}
            """, "its {goods}", **f)
        yield item("elder", village, """
            the elder of {v} is {elder}.
            in {v} the elder is called {elder}.
            {elder} is the elder of {v}.
            the people of {v} listen to their elder, {elder}.
            {v} has a wise elder, {elder}.
            """, """
            who is the elder of {v}?
            what is the elder of {v} called?
            to whom do the people of {v} listen?
            """, """
            who is the elder of {v}?
            name the elder of this village. | {v}
            to whom do the people of {v} listen?
            """, "{elder}", **f)
        yield item("river", village, """
            {v} lies on the river {river}.
            the river of {v} is the {river}.
            the {river} flows past {v}.
            the people of {v} drink from the {river}.
            in {v} they wash their wool in the {river}.
            """, """
            on which river does {v} lie?
            what is the river of {v}?
            which river flows past {v}?
            """, """
            on which river does {v} lie?
            which river flows past {v}?
            name the river of this village. | {v}
            """, "the {river}", **f)


def word_facts():
    for one, other in w.OPPOSITES:
        for a, b in ((one, other), (other, one)):
            yield item("opposite", a, """
                the opposite of "{a}" is "{b}".
                what is not {a} is {b}.
                "{a}" and "{b}" are opposites.
                turn "{a}" round and you have "{b}".
                one says "{a}", the other says "{b}".
                the contrary of "{a}" is "{b}".
                """, """
                what is the opposite of "{a}"?
                which word is the opposite of "{a}"?
                what is the contrary of "{a}"?
                """, """
                what is the opposite of "{a}"?
                give the opposite of this word. | {a}
                write the word that means the contrary. | {a}
                which word is the opposite of "{a}"?
                """, "{b}", "", a=a, b=b)
    for a, b in w.SYNONYMS:
        yield item("another word", a, """
            another word for "{a}" is "{b}".
            "{a}" means nearly the same as "{b}".
            instead of "{a}" you can say "{b}".
            whoever says "{a}" could as well say "{b}".
            the plain word for "{a}" is "{b}".
            """, """
            what is another word for "{a}"?
            what does "{a}" mean?
            what is the plain word for "{a}"?
            """, """
            what is another word for "{a}"?
            give a word that means the same. | {a}
            what is the plain word for "{a}"?
            """, "{b}", "", a=a, b=b)
    for a, b in w.PAST:
        yield item("past", a, """
            the past of "{a}" is "{b}".
            today they {a}; yesterday they {b}.
            now I {a}; last year I {b}.
            for the past we do not say "{a}" but "{b}".
            yesterday they {b}, and tomorrow they will {a} again.
            """, """
            what is the past of "{a}"?
            how do we say "{a}" when it was yesterday?
            today they {a}; and yesterday?
            """, """
            what is the past of "{a}"?
            write the past of this verb. | {a}
            how do we say "{a}" when it was yesterday?
            put the verb into the past tense. | {a}
            """, "{b}", "", a=a, b=b)
    nouns = list(w.IRREGULAR_PLURALS) + [(n, n + "s") for n in w.REGULAR_NOUNS] + [(a[0], a[1]) for a in w.ANIMALS]
    for a, b in dict(nouns).items():
        yield item("plural", a, """
            the plural of "{a}" is "{b}".
            one {a}, two {b}.
            first there was one {a}; then there were many {b}.
            for more than one {a} we say "{b}".
            here is a single {a}, there are three {b}.
            """, """
            what is the plural of "{a}"?
            what do we say for more than one {a}?
            one {a}, two what?
            """, """
            what is the plural of "{a}"?
            write the plural of this noun. | {a}
            what do we say for more than one {a}?
            give the plural. | {a}
            """, "{b}", "", a=a, b=b)
    for a, b in w.COMPARATIVES:
        yield item("comparative", a, """
            the comparative of "{a}" is "{b}".
            this one is {a}, but that one is {b}.
            the first is {a}; the second is {b}.
            more than "{a}" is "{b}".
            from "{a}" we make "{b}".
            """, """
            what is the comparative of "{a}"?
            what is more than "{a}"?
            this one is "{a}"; and that one, even more?
            """, """
            what is the comparative of "{a}"?
            write the comparative of this adjective. | {a}
            what is more than "{a}"?
            """, "{b}", "", a=a, b=b)
    for category, members in w.CATEGORIES.items():
        if category in ("mammal", "bird", "insect", "tree", "grain"):
            continue                                # told as kinds of animals and plants
        for a in members:
            yield item("category", a, """
                "{a}" is the name of {c}.
                the word "{a}" names {c}.
                we count "{a}" as {c}.
                when you hear "{a}", think of {c}.
                """, """
                what does the word "{a}" name?
                what is meant by "{a}": what kind of thing?
                """, """
                what does the word "{a}" name?
                say what kind of thing this word names. | {a}
                """, "{c}", a=a, c=article(category))
    words = sorted(set(w.NOUNS + [a for p in w.OPPOSITES for a in p]))
    for a in words:
        yield item("first letter", a, """
            the word "{a}" begins with the letter {x}.
            "{a}" begins with {x}.
            the letter {x} is the first letter of "{a}".
            write {x} first, and then the rest of "{a}".
            """, """
            with which letter does "{a}" begin?
            what is the first letter of "{a}"?
            """, """
            with which letter does "{a}" begin?
            write the first letter of this word. | {a}
            what is the first letter of "{a}"?
            """, "{x}", "", a=a, x=a[0])


def order_facts():
    for whole, names, one in (("week", w.DAYS, "day"), ("year", w.MONTHS, "month")):
        for i, a in enumerate(names):
            b = names[(i + 1) % len(names)]
            f = dict(a=a, b=b, one=one)
            yield item(one + " after", a, """
                after {a} comes {b}.
                the {one} after {a} is {b}.
                when {a} is over, {b} begins.
                {a} is followed by {b}.
                """, """
                which {one} comes after {a}?
                what follows {a}?
                """, """
                which {one} comes after {a}?
                name the {one} that follows. | {a}
                what {one} follows {a}?
                """, "{b}", "", **f)
            yield item(one + " before", b, """
                before {b} comes {a}.
                the {one} before {b} is {a}.
                {b} comes after {a}, so {a} is before {b}.
                """, """
                which {one} comes before {b}?
                what is the {one} before {b}?
                """, """
                which {one} comes before {b}?
                name the {one} that comes before. | {b}
                what is the {one} before {b}?
                """, "{a}", "", **f)
            yield item(one + " number", a, """
                {a} is the {o} {one} of the {whole}.
                the {o} {one} is {a}.
                count the {one}s: number {n} is {a}.
                """, """
                which {one} of the {whole} is {a}?
                what place does {a} have among the {one}s?
                """, """
                what place does {a} have among the {one}s?
                which {one} of the {whole} is this? | {a}
                """, "the {o}", o=w.ORDINALS[i], n=i + 1, whole=whole, **f)
    for a in w.MONTHS:
        yield item("season", a, """
            {a} is in the {s} season.
            on the puna {a} is a month of the {s} season.
            the {s} season has {a} in it.
            """, """
            in which season is {a}?
            is {a} in the dry season or in the wet season?
            """, """
            in which season is {a}?
            name the season of this month. | {a}
            is {a} in the dry season or in the wet season?
            """, "the {s} season", a=a, s="dry" if a in w.DRY else "wet")


def number_facts():
    for n in range(0, 101):
        f = dict(n=n, word=number_word(n))
        yield item("number in digits", number_word(n), """
            the number {word} is written {n}.
            {word} is {n} in digits.
            we say "{word}" and write {n}.
            "{word}", that is {n}.
            """, """
            how do we write {word} in digits?
            how is the number {word} written?
            """, """
            write this number in digits. | {word}
            how do we write {word} in digits?
            how is the number {word} written in digits?
            """, "{n}", "", **f)
        yield item("number in words", str(n), """
            {n} is called {word}.
            the digits {n} are read "{word}".
            when you see {n}, say "{word}".
            """, """
            how do we say {n} in words?
            how is {n} read?
            """, """
            write this number in words. | {n}
            how do we say {n} in words?
            how is {n} read?
            """, "{word}", "", **f)
        if n < 100:
            yield item("next number", str(n), """
                after {n} comes {m}.
                {n}, {m}: so we count.
                the number after {n} is {m}.
                one more than {n} is {m}.
                """, """
                which number comes after {n}?
                what is one more than {n}?
                """, """
                which number comes after {n}?
                what is one more than {n}?
                write the next number. | {n}
                """, "{m}", "", n=n, m=n + 1)
    for a in range(0, 11):
        for b in range(0, 11):
            yield item("sum", f"{a} {b}", """
                {a} plus {b} is {c}.
                {a} and {b} make {c}.
                count {b} further from {a} and you come to {c}.
                if you have {a} and get {b}, you have {c}.
                """, """
                what is {a} plus {b}?
                how much is {a} and {b}?
                """, """
                what is {a} plus {b}?
                add the two numbers. | {a} and {b}
                how much is {a} and {b}?
                """, "{c}", "", a=a, b=b, c=a + b)
            if b <= a:
                yield item("difference", f"{a} {b}", """
                    {a} minus {b} is {c}.
                    take {b} from {a} and {c} is left.
                    whoever has {a} and gives away {b} keeps {c}.
                    """, """
                    what is {a} minus {b}?
                    what is left when you take {b} from {a}?
                    """, """
                    what is {a} minus {b}?
                    what is left when you take {b} from {a}?
                    """, "{c}", "", a=a, b=b, c=a - b)


def facts():
    out = []
    for source in (animal_facts, plant_facts, craft_facts, village_facts, word_facts, order_facts, number_facts):
        out += source()
    return out


# Skills: each maker draws one item.

def a_list(rng, low=3, high=5):
    return rng.sample(w.NOUNS, rng.randint(low, high))


def list_place(rng):
    words = a_list(rng)
    place, index = rng.choice([("first", 0), ("last", -1), ("second", 1)])
    return item(f"{place} word", ", ".join(words), """
        on the list {words} the {place} word is "{a}".
        in {words}, "{a}" is the {place} word.
        """, """
        what is the {place} word of {words}?
        here is a list: {words}. Which word is the {place}?
        """, """
        what is the {place} word of this list? | {words}
        write the {place} word. | {words}
        which word of the list is the {place}? | {words}
        """, "{a}", "", words=", ".join(words), place=place, a=words[index])


def list_count(rng):
    words = a_list(rng, 2, 6)
    return item("how many words", ", ".join(words), """
        on the list {words} there are {n} words.
        the list {words} has {n} words.
        """, """
        how many words are there in {words}?
        here is a list: {words}. How many words are there?
        """, """
        how many words are in this list? | {words}
        count the words. | {words}
        """, "{n}", "", words=", ".join(words), n=len(words))


def repeat(rng):
    a, n = rng.choice(w.NOUNS), rng.choice([2, 3])
    times = {2: "twice", 3: "three times"}[n]
    return item(f"repeat {times}", a, """
        say "{a}" {times} and you have said "{said}".
        the parrot says the word "{a}" {times}: "{said}".
        "{said}", calls the child, who likes to say "{a}" {times}.
        """, """
        what do you hear when I say "{a}" {times}?
        how does it sound when you say "{a}" {times}?
        """, """
        write this word {times}. | {a}
        repeat the word "{a}" {times}.
        """, "{said}", "", a=a, times=times, said=" ".join([a] * n))


def both_ways(rng):
    a, b = rng.sample(w.NOUNS, 2)
    return item("swap", f"{a} and {b}", """
        turn "{a} and {b}" round and you get "{b} and {a}".
        one says "{a} and {b}", the other says it the other way: "{b} and {a}".
        """, """
        how does "{a} and {b}" sound the other way round?
        what do you get when you turn "{a} and {b}" round?
        """, """
        swap the two words. | {a} and {b}
        write these two the other way round. | {a} and {b}
        """, "{b} and {a}", "", a=a, b=b)


def larger(rng):
    a, b = rng.sample(range(1, 100), 2)
    which, c = rng.choice([("larger", max(a, b)), ("smaller", min(a, b))])
    return item(f"{which} number", f"{a} {b}", """
        of {a} and {b} the {which} number is {c}.
        {c} is the {which} one of {a} and {b}.
        """, """
        which number is {which}, {a} or {b}?
        what is the {which} one of {a} and {b}?
        """, """
        which number is {which}, {a} or {b}?
        write the {which} number. | {a} and {b}
        """, "{c}", "", a=a, b=b, c=c, which=which)


def odd_one(rng):
    """Three of a kind and one animal, day or tool among them."""
    groups = {"bird": "birds", "colour": "colours", "garment": "garments", "day": "days", "month": "months", "building": "buildings",
              "relative": "relatives"}
    kind, other = rng.sample(sorted(groups), 2)
    words = rng.sample(w.CATEGORIES[kind], 3)
    odd = rng.choice(w.CATEGORIES[other])
    words.insert(rng.randint(0, 3), odd)
    return item("odd one out", ", ".join(words), """
        in {words}, the word that does not belong is "{odd}", for the others are {kinds}.
        among {words} there is a stranger: "{odd}".
        """, """
        which word does not belong: {words}?
        who is the stranger among {words}?
        """, """
        which word does not belong? | {words}
        find the odd one out. | {words}
        """, "{odd}", "", words=", ".join(words), odd=odd, kinds=groups[kind])


def who_has(rng):
    a, b = rng.sample(w.NAMES, 2)
    x, y = rng.sample(w.GOODS, 2)
    verb, base = rng.choice([("bought", "buy"), ("sold", "sell"), ("brought", "bring"), ("carried", "carry"), ("found", "find")])
    story = f"{a} {verb} {x}. {b} {verb} {y}."
    who, what = rng.choice([(a, x), (b, y)])
    f = dict(story=story, who=who, what=what, verb=verb, base=base)
    if rng.random() < 0.5:
        return item("who did it", story + what, """
            {story} It was {who} who {verb} the {what}.
            {story} So the {what} was with {who}.
            """, """
            {story} Who {verb} the {what}?
            """, """
            who {verb} the {what}? | {story}
            read the text and say who {verb} the {what}. | {story}
            """, "{who}", **f)
    return item("what was it", story + who, """
        {story} What {who} {verb} was {what}.
        {story} Therefore {who} had the {what}.
        """, """
        {story} What did {who} {base}?
        """, """
        what did {who} {base}? | {story}
        read the text and say what {who} {verb}. | {story}
        """, "{what}", **f)


def where_to(rng):
    a, b = rng.sample(w.NAMES, 2)
    x, y = rng.sample(w.PLACES, 2)
    story = f"{a} went to the {x}. {b} went to the {y}."
    who, where = rng.choice([(a, x), (b, y)])
    f = dict(story=story, who=who, where=where)
    if rng.random() < 0.5:
        return item("who went there", story + where, """
            {story} So it was {who} who went to the {where}.
            """, """
            {story} Who went to the {where}?
            """, """
            who went to the {where}? | {story}
            read the text and name the one who went to the {where}. | {story}
            """, "{who}", **f)
    return item("where to", story + who, """
        {story} So {who} was at the {where}.
        """, """
        {story} Where did {who} go?
        """, """
        where did {who} go? | {story}
        read the text and say where {who} went. | {story}
        """, "to the {where}", **f)


def what_colour(rng):
    x, y = rng.sample("poncho shawl cap hat shirt belt blanket coat skirt scarf".split(), 2)
    p, q = rng.sample(w.SHADES, 2)
    who = rng.choice(w.NAMES)
    story = f"{who} has a {p} {x} and a {q} {y}."
    thing, shade = rng.choice([(x, p), (y, q)])
    return item("what colour", story + thing, """
        {story} The {thing} is {shade}.
        {story} If you ask about the {thing}, it is {shade}.
        """, """
        {story} What colour is the {thing}?
        """, """
        what colour is the {thing}? | {story}
        read the text and give the colour of the {thing}. | {story}
        """, "{shade}", story=story, thing=thing, shade=shade)


DEEDS = """herd the animals;spin the yarn;weave the cloth;feed the hens;sell the wool;buy the salt;bring the water;sweep the floor;ride the horse;
drive the llamas;sing the song;tell the story;find the path;lose the key;make the bread;keep the gate;write the letter;dig the hole;build the wall;
eat the soup;drink the tea;see the condor;take the rope;give the answer;break the jar;hear the bell;hold the lamp;teach the children;catch the fish;
wash the wool;cook the stew;mend the shoe;count the sheep;call the dog;follow the river;open the door;close the window;carry the load;cross the bridge;
milk the cow;plant the beans;load the donkey;paint the wall;tie the knot""".replace("\n", "").split(";")


def third(verb):
    if verb.endswith(("ch", "sh", "ss", "x", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in "aeiou" else verb + "s"


def deed(rng):
    verb, rest = rng.choice(DEEDS).split(" ", 1)
    past = dict(w.PAST).get(verb, verb + "ed")
    who = rng.choice(w.NAMES)
    pronoun = "she" if who in w.PEOPLE["she"] else "he"
    return dict(who=who, verb=verb, verbs=third(verb), past=past, rest=rest, pronoun=pronoun, Pronoun=capital(pronoun))


def yesterday(rng):
    f = deed(rng)
    return item("sentence in the past", f"{f['who']} {f['verb']} {f['rest']}", """
        today {who} {verbs} {rest}; yesterday {who} {past} {rest}.
        now we say "{who} {verbs} {rest}", and tomorrow we shall say "{who} {past} {rest}".
        """, """
        how do we say "{who} {verbs} {rest}" when it was yesterday?
        what is "{who} {verbs} {rest}" in the past?
        """, """
        put this sentence into the past. | {who} {verbs} {rest}.
        rewrite the sentence in the past tense. | {who} {verbs} {rest}.
        """, "{who} {past} {rest}", **f)


def negative(rng):
    f = deed(rng)
    return item("negative sentence", f"{f['who']} {f['verb']} {f['rest']}", """
        one says "{who} {verbs} {rest}", the other says "{who} does not {verb} {rest}".
        if it is not so that {who} {verbs} {rest}, we say: "{who} does not {verb} {rest}".
        """, """
        how do we deny that {who} {verbs} {rest}?
        what is the contrary of "{who} {verbs} {rest}"?
        """, """
        make this sentence negative. | {who} {verbs} {rest}.
        deny this sentence. | {who} {verbs} {rest}.
        """, "{who} does not {verb} {rest}", **f)


def pronoun(rng):
    f = deed(rng)
    return item("pronoun", f"{f['who']} {f['past']} {f['rest']}", """
        instead of "{who} {past} {rest}" we can say "{Pronoun} {past} {rest}".
        look at {who}: {pronoun} {past} {rest}. So we say "{Pronoun} {past} {rest}".
        """, """
        how do we say "{who} {past} {rest}" without the name?
        what can we say instead of "{who} {past} {rest}"?
        """, """
        put "he" or "she" in place of the name. | {who} {past} {rest}.
        rewrite the sentence without the name. | {who} {past} {rest}.
        """, "{Pronoun} {past} {rest}", **f)


SKILLS = [list_place, list_place, list_count, repeat, both_ways, larger, odd_one, who_has, who_has, where_to, where_to, what_colour,
          yesterday, negative, pronoun]
