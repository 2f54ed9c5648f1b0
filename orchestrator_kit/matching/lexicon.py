"""Words that turn a sentence around: denials, opposites, and words that carry no subject.

General English; nothing here knows a question or a rubric.
"""

from __future__ import annotations

from orchestrator_kit.text import STOPWORDS, stem


def root(word: str) -> str:
    """The stem of a word, without an "e" at its end, so that "balance" meets "balanced"."""
    short = stem(word)
    return short[:-1] if len(short) > 4 and short.endswith("e") else short


# Each denies what follows it in its clause; "n't" in all its spellings is cut off before this.
DENIALS = frozenset(
    """
    no not never without neither nor none nobody nothing nowhere cannot hardly barely lack lacks
    lacking absence absent unable
    """.split()
)
UNLESS_FOLLOWED = {  # a denial that is none before these words
    "not": frozenset("only just merely simply".split()),
    "no": frozenset("the they it he she we you i because there a an this that".split()),
}
TO_DENY = frozenset("fail fails failed failing failure refuse refuses refused".split())  # with "to"
OF_NOUNS = frozenset("no without lack lacks lacking absence absent none".split())
# "rather than" and "instead of" deny what follows; both words are needed.
PAIRS_THAT_DENY = frozenset({("rather", "than"), ("instead", "of"), ("opposed", "to")})

# What a denial turns around when nothing else follows it: "the gap does not exist".
BARE = frozenset("exist exists present existing there anymore longer true so case here".split())

HELPERS = frozenset("need needs needed seem seems tend tends want wants have has had".split())
SUBJECTS = frozenset("it they he she we you i there".split())  # a new subject ends a denial's reach

# "It is not true that ...", "I doubt that ...": the rest of the sentence is denied, all clauses.
SAYINGS = frozenset("true case correct right think believe say says said claim mean agree".split())
UNTRUE = frozenset("false wrong incorrect untrue mistaken".split())
DOUBTS = frozenset("doubt doubts deny denies denied disagree disagrees".split())
ANAPHORS = frozenset("that this it which i we statement claim".split())

# Where a clause ends, besides punctuation.
CLAUSE = frozenset(
    """
    because but so since which that who if when whenever while although though whereas unless
    therefore thus hence however then where as
    """.split()
)

_OPPOSITES = """
    open opened opening opens                     | close closed closing closes shut
    connect connected connection connects connecting join joined linked attached touching
        | disconnect disconnected disconnects separate separated separates separation detached
    same identical equal alike equally similar common shared
        | different differ differs difference distinct separate own unequal various
    more greater larger bigger higher             | less fewer smaller lower
    most                                          | least fewest
    increase increases increased increasing grow grows rise rises raise raises gain
        | decrease decreases decreased decreasing shrink shrinks fall falls drop drops
          reduce reduces reduced
    complete completed whole                      | incomplete partial broken
    central centralized centralised centre center hub
        | distributed decentralized decentralised peer
    before earlier first precede precedes         | after later last follow follows
    parallel concurrent concurrently simultaneous simultaneously together
        | sequential sequentially serial serially
    static fixed predetermined predefined hardcoded
        | dynamic dynamically adaptive flexible runtime
    always every everything all                   | sometimes some
    on                                            | off
    cheap cheaper                                 | expensive costly dearer
    fast faster quick quicker quickly             | slow slower slowly
    easy easier simple simpler                    | hard harder difficult complicated
    possible can could                            | impossible
    true correct right                            | false wrong incorrect
    success succeed succeeds succeeded            | fail fails failed failure
    include includes included                     | exclude excludes excluded
    independent independently                     | dependent depend depends
    high                                          | low
    long                                          | short
    many                                          | few
    positive                                      | negative
    start begin begins                            | end ends stop stops
    internal inside                               | external outside
    input                                         | output
    specialized specialised specialist specialization different
        | identical replicated replica replication same
    linear                                        | branching
    better improve improves improved              | worse degrade degrades worsen
    strong stronger                               | weak weaker
    up                                            | down
    allow allows allowed enable enables           | prevent prevents forbid forbids block blocks
    keep keeps preserve preserves                 | lose loses lost discard discards
    visible shown                                 | hidden
    one-way                                       | two-way
"""


def _opposites() -> dict[str, dict[int, int]]:
    """For the stem of each word the axes on which it lies, and on which side."""
    found: dict[str, dict[int, int]] = {}
    lines: list[str] = []
    for line in _OPPOSITES.strip().splitlines():
        if lines and line.startswith("     "):  # goes on
            lines[-1] += " " + line
        else:
            lines.append(line)
    for axis, line in enumerate(lines):
        for side, words in zip((1, -1), line.split("|"), strict=True):
            for word in words.split():
                found.setdefault(root(word), {})[axis] = side
    return found


OPPOSITES = _opposites()

GLUE = (
    STOPWORDS
    | frozenset(
        """
        i we he she me my us just very really because thus hence however am being get gets got
        makes make made becomes become let lets please yes ok well still even too again therefore
        though although ever actually
        """.split()
    )
    | CLAUSE
) - frozenset("before after more most own on off no nor not has have up all every each".split())

LIGHT = frozenset(
    root(w) for w in "contain contained include included cause create give use".split()
)
PRONOUNS = frozenset("they it these this those them each both".split())
PREFIXES = ("un", "in", "im", "ir", "dis", "non", "de")

# Words with a before and an after that are not the same, and words whose sides may be exchanged.
DIRECTED = ("to", "from", "into", "than", "by", "over", "before")
SAME_MARKER = {"before": ("before", "after")}
ORDERING = frozenset(
    axis
    for word in (
        "more",
        "before",
        "fast",
        "cheap",
        "easy",
        "better",
        "strong",
        "high",
        "long",
        "many",
    )
    for axis in OPPOSITES[root(word)]
)
SYMMETRIC = frozenset(
    s
    for s, axes in OPPOSITES.items()
    if axes.keys() & {*OPPOSITES["same"], *OPPOSITES[root("connect")]}
) | frozenset(root(w) for w in "compare compared next close belong related both between".split())

# Words to whoever marks, and of what they speak: at the beginning of a sentence, and anywhere.
TO_MARKER = frozenset(
    """
    ignore disregard forget give award grant mark grade treat accept count score rate say return
    output grader
    """.split()
)
BEFORE_ORDERS = frozenset("please now just and so you must should dear grader system".split())
PLAINLY_OF_MARKING = frozenset("rubric marks credit mentioned grader".split())
OF_MARKING = PLAINLY_OF_MARKING | frozenset(
    "mark point points grade correct instruction instructions prompt full score".split()
)
