"""Words, sentences and phrases: what counts as the same, and what must not."""

# ruff: noqa: RUF001 - it is about such marks

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_kit.text import (
    STOPWORDS,
    normalise,
    sentences,
    stands_in,
    stem,
    terms,
    words,
)

# ---- normalise ----


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tide", "tIDE"),
        ("  a \t b\n\nc ", "a b c"),
        ("the board’s ‘view’", "the board's 'view'"),
        ("“sound”", '"sound"'),
        ("2025–2026", "2025-2026"),
        ("risk — none", "risk - none"),
        ("−5", "-5"),
        ("nine-month", "nine\u2010month"),
        ("nine-month", "nine\u2011month"),
        ("nine-month", "nine\u2012month"),
        ("nine-month", "nine\u2015month"),
        ("EUR 5", "EUR\u00a05"),
        ("EUR 5", "EUR\u202f5"),
        ("ﬁne", "fine"),
        ("café", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("５ ％", "5 %"),
    ],
)
def test_texts_that_read_alike_are_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"), [("5", "6"), ("may", "may not"), ("a b", "ab"), ("1.2", "12"), ("a", "á")]
)
def test_texts_that_mean_something_else_stay_different(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_a_normalised_text_has_single_spaces_only(text: str) -> None:
    assert normalise(text) == " ".join(normalise(text).split())


# ---- words and terms ----


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("?!… —", []),
        ("The fee is 4.5% of EUR 1,250,000.", "the fee is 4.5% of eur 1,250,000".split()),
        ("at 14:30 on 3/4/2026, about 12.", "at 14:30 on 3/4/2026 about 12".split()),
        ("snake_case and COVID19", ["snake", "case", "and", "covid", "19"]),
        ("§2.7(a)", ["2.7", "a"]),
        ("Größe und Überfall", ["grösse", "und", "überfall"]),
        ("Договор истёк", ["договор", "истёк"]),
    ],
)
def test_words_come_in_order_and_numbers_keep_their_marks(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text())
def test_words_are_the_same_before_and_after_normalising(text: str) -> None:
    assert words(normalise(text)) == words(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("risk", "risks"),
        ("box", "boxes"),
        ("liability", "liabilities"),
        ("party", "parties"),
        ("policy", "policies"),
        ("subsidy", "subsidies"),
        ("obligation", "obligations"),
        ("invest", "investment"),
        ("report", "reported"),
        ("report", "reporting"),
        ("fine", "fines"),
        ("tide", "tides"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert terms(one)[0].rstrip("e") == terms(other)[0].rstrip("e")


def test_terms_leave_out_function_words_and_keep_repetitions() -> None:
    assert terms("The risk of the risks is in 2025 and 2026.") == ("risk", "risk", "2025", "2026")
    assert terms(" ".join(sorted(STOPWORDS))) == ()


@given(st.text(min_size=1))
def test_a_stem_is_a_beginning_of_its_word_and_never_empty(word: str) -> None:
    assert stem(word)
    assert word.startswith(stem(word))


@pytest.mark.parametrize("figure", ["5", "2025", "4.5%", "1,186", "12,500", "10:30", "3/4/2026"])
def test_a_figure_is_its_own_stem(figure: str) -> None:
    assert stem(figure) == figure


# ---- phrases ----


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("5%", "a rise of 5% in May"),
        ("5%", "(5%)"),
        ("1.2", "It lost 1.2."),
        ("1.2", "1.2, then more"),
        ("EUR 1.2 million", "lost EUR 1.2 million in"),
        ("EUR 1.2 million", "EUR 1.2 millions"),
        ("risk", "the risks are"),
        ("box", "two boxes"),
        ("nine months", "for nine months after"),
        ("risk|danger", "a danger"),
        ("risk|danger", "a risk"),
        (" risk | danger ", "a danger"),
        ("Risk", "RISK"),
        ("the board's", "the board’s view"),
        ("2025-2026", "in 2025–2026"),
        ("$5 million", "about $5 million."),
        ("$5 million", "It costs US$5 million."),
        ("nine-month", "a nine\u2011month period"),
        ("C++ (2011)", "in c++ (2011), say"),
        ("Straße", "STRASSE"),
        ("60 days", "on 60 days' notice"),
        ("18 December", "by 18 December, 2026"),
    ],
)
def test_a_phrase_stands_in_a_text_as_words(phrase: str, text: str) -> None:
    assert stands_in(phrase, normalise(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("5%", "a rise of 15% in May"),
        ("5%", "a rise of 1.5% in May"),
        ("5%", "5 in a hundred"),
        ("1.2", "1.25"),
        ("1.2", "31.2"),
        ("1.2", "11.2 and 1.2.3"),
        ("1", "1,200"),
        ("200", "1,200"),
        ("200", "200,000"),
        ("2", "1.2"),
        ("5", "2025"),
        ("risk", "asterisk"),
        ("risk", "risky"),
        ("risks", "risk"),
        ("nine months", "nine long months"),
        ("nine months", "ninemonths"),
        ("risk|danger", "hazard"),
        ("", "anything"),
        ("|", "anything | at all"),
        (" | ", "anything"),
        ("a.c", "abc"),
        ("risk", ""),
    ],
)
def test_a_phrase_does_not_stand_in_a_text_that_only_resembles_it(phrase: str, text: str) -> None:
    assert not stands_in(phrase, normalise(text))


_FIGURE = st.one_of(
    st.integers(0, 3000).map(str),
    st.decimals(0, 300, places=2).map(str),
    st.decimals(0, 30, places=1).map(lambda d: f"{d}%"),
    st.integers(1000, 3_000_000).map(lambda n: f"{n:,}"),
)


@given(_FIGURE, _FIGURE)
@example("5%", "15%")
@example("1.2", "1.25")
def test_a_figure_stands_only_where_that_very_figure_is_written(one: str, other: str) -> None:
    assert stands_in(one, normalise(f"It was {other}, they said.")) == (one == other)


_WORD = st.text("abcdefghijklmnopqrstuvwxyzäöü", min_size=1, max_size=8)


@given(st.lists(_WORD, min_size=1, max_size=8), st.data())
def test_any_run_of_whole_words_stands_in_their_text(text: list[str], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    assert stands_in(" ".join(text[start:end]).upper(), normalise(" ".join(text)))


@given(_WORD, _WORD)
def test_one_word_stands_in_another_only_as_itself_or_its_plural(one: str, other: str) -> None:
    assert stands_in(one, normalise(other)) == (
        normalise(other) in (normalise(one), *_plurals(normalise(one)))
    )


def _plurals(word: str) -> tuple[str, ...]:
    return (word + "s", word + "es") if word[-1] in "abcdefghijklmnopqrstuvwxyz" else ()


# ---- sentences ----


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("One ends. Two begins! Is it three? Yes.", "One ends.|Two begins!|Is it three?|Yes."),
        ("A line\nthat goes on. Next.", "A line that goes on.|Next."),
        ("First.\n\nSecond", "First.|Second"),
        ("# Title\n\nText.\n## Sub\nMore.", "Text.|More."),
        ("- one item\n- another. With two.\n* third", "one item|another.|With two.|third"),
        ("1. first\n2) second\n(a) third\n(iv) fourth", "first|second|third|fourth"),
        ("- an item\n  on two lines\n- next", "an item on two lines|next"),
        ("> quoted. Twice.", "quoted.|Twice."),
        ("He said **no** and `ran`.", "He said no and ran."),
        ("He said “yes.” Then he left.", "He said “yes.”|Then he left."),
        ("(It was so.) “It is so.”", "(It was so.)|“It is so.”"),
        ("Der Vertrag endet. Übrigens gilt er.", "Der Vertrag endet.|Übrigens gilt er."),
        ("Он идёт. Она спит.", "Он идёт.|Она спит."),
        ("It was due in 2025. The next was not.", "It was due in 2025.|The next was not."),
        (
            "Of them there are\n17. It rose to\n(not) all.",
            "Of them there are 17.|It rose to (not) all.",
        ),
        ("***\n---\n!!!", ()),
        (
            "3.19. On Monday it broke. 3.20 It was mended.",
            "3.19. On Monday it broke.|3.20 It was mended.",
        ),
        ("a. Step 1. Weigh it.\nb. Step 2. Add.", "Step 1.|Weigh it.|Step 2.|Add."),
        (
            "It was lost.6 Nobody knew.\n\nIt rose to 4.5 The",
            "It was lost.6|Nobody knew.|It rose to 4.5 The",
        ),
        ("See fig.2 The hull (no.7 Left).", "See fig.2 The hull (no.7 Left)."),
        (
            "Before.\n\n11\n\n![](https://example.org/a.jpg)\n\n![The hull](a.jpg)",
            "Before.|The hull",
        ),
    ],
)
def test_a_text_falls_into_its_statements(text: str, found: str | tuple[str, ...]) -> None:
    assert sentences(text) == (tuple(found.split("|")) if isinstance(found, str) else found)


def test_a_table_gives_a_statement_a_row_and_no_rule() -> None:
    table = "| item | sum |\n| --- | ---: |\n| fares | EUR 310,000 |\n|wages|EUR 520,000|"
    assert sentences(f"Before.\n{table}\nAfter.") == (
        "Before.",
        "item | sum",
        "fares | EUR 310,000",
        "wages | EUR 520,000",
        "After.",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith met Mr. Jones of Acme Inc. Delaware in May.",
        "See art. 5, No. 7 and pp. 12 f. of the note.",
        "Thornacre v. Fenwold was decided by J. R. Smith.",
        "Costs, e.g. Wages, and others, i.e. Fuel, rose.",
        "The rate was 4.5 per cent at 10.30 that day.",
        "Orsett et al. Found it.",
    ],
)
def test_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert sentences(text) == (text,)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system_part_paragraphs(newline: str) -> None:
    assert sentences(f"One{newline}goes on.{newline}{newline}Two.") == ("One goes on.", "Two.")


_PROSE = st.lists(
    st.tuples(
        st.lists(
            st.one_of(
                _WORD, _WORD.map(str.capitalize), st.sampled_from(["4.5%", "2025", "(indeed)"])
            ),
            min_size=1,
            max_size=9,
        ),
        _WORD,
        st.sampled_from([".", "!", "?", ".”", ";", ""]),
        st.sampled_from([" ", "\n", "\n\n", "\n\n\n"]),
    ),
    max_size=6,
)


@given(_PROSE)
def test_sentences_lose_no_word_of_prose(
    parts: list[tuple[list[str], str, str, str]],
) -> None:
    text = "".join(f"{' '.join(first)} {last}{end}{gap}" for first, last, end, gap in parts)
    assert words(" ".join(sentences(text))) == words(text)


@given(_PROSE)
def test_every_sentence_of_prose_stands_in_the_prose(
    parts: list[tuple[list[str], str, str, str]],
) -> None:
    text = "".join(f"{' '.join(first)} {last}{end}{gap}" for first, last, end, gap in parts)
    for sentence in sentences(text):
        assert normalise(sentence) in normalise(text)
        assert sentence == sentence.strip()


@given(st.lists(_WORD, min_size=1, max_size=6), st.integers(1, 6))
def test_a_heading_is_no_statement(title: list[str], level: int) -> None:
    assert sentences(f"{'#' * level} {' '.join(title)}\nBody.") == ("Body.",)


_ANY = st.one_of(
    st.text(),
    st.text(st.characters(exclude_categories=())),  # lone surrogates too
    st.lists(st.sampled_from([*"#|->*.!?()[]`\n\r\t \x00\x0b\u2028", "Ab", "1.", "**"])).map(
        "".join
    ),
)


@given(_ANY, _ANY)
def test_no_text_at_all_raises_an_error(text: str, phrase: str) -> None:
    assert isinstance(normalise(text), str)
    assert all(words(s) or unicodedata.normalize("NFKC", s) for s in sentences(text))
    assert all(isinstance(t, str) and t for t in terms(text))
    assert stands_in(phrase, normalise(text)) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "a. A" * 30_000,
        "|" * 50_000,
        "(" * 50_000,
        "# " * 30_000,
        "." * 99_999,
        "-" * 90_000 + " Page 2",
        "-|: " * 20_000 + "x",
    ],
    ids=range(8),
)
def test_a_huge_text_takes_no_unreasonable_time(text: str) -> None:
    assert len("".join(sentences(text))) <= len(text)
    assert len(words(text)) <= len(text)
    assert not stands_in("tide", normalise(text))
