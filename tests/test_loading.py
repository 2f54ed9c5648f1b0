"""Reading tasks: whatever cannot be used is one readable line that names the file."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from orchestrator_kit.errors import TaskError, UnknownName, UsageError
from orchestrator_kit.experiments import compare
from orchestrator_kit.loading import load_task, read_document
from orchestrator_kit.tasks import (
    DEFAULT_ROSTER,
    SECTION_WORDS,
    Budget,
    Document,
    Fact,
    Specialist,
    Task,
)

HEAD = 'prompt = "What is said?"\ndocuments = ["a.md"]\n'
SPECIALIST = '[[specialists]]\nname = "reader"\nexpertise = "Reads."\n'


def pdf(text: str) -> bytes:
    """A PDF of one page that shows a line of text, byte by byte as the format asks."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out = BytesIO(b"")
    out.write(b"%PDF-1.4\n")
    places = []
    for n, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (n, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1))
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return out.getvalue()


def folder_with(path: Path, toml: str, document: str = "The tide is high.") -> Path:
    path.mkdir(exist_ok=True)
    (path / "task.toml").write_text(toml, "utf-8")
    (path / "a.md").write_text(document, "utf-8")
    return path


def complaint(source: Path, *, document: bool = False) -> str:
    """The message of the error that a source gives, held to what every message must be."""
    with pytest.raises(TaskError) as caught:
        read_document(source) if document else load_task(source)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 300 + len(str(source))
    return message


# ---- one document ----


def test_a_missing_file_is_named_in_one_line(tmp_path: Path) -> None:
    message = complaint(tmp_path / "gone.md", document=True)
    assert "gone.md: no such file" in message


@pytest.mark.parametrize("name", ["a.docx", "README", "picture.png", ".md"])
def test_another_kind_of_file_is_refused_with_the_kinds_that_can_be_read(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("text")
    message = complaint(tmp_path / name, document=True)
    assert name in message
    assert ".md, .markdown, .txt, .pdf" in message


@pytest.mark.parametrize("suffix", [".md", ".pdf"])
def test_a_folder_is_no_document(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"papers{suffix}").mkdir()
    message = complaint(tmp_path / f"papers{suffix}", document=True)
    assert f"papers{suffix}: is a folder" in message


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_empty_document_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.md").write_bytes(content)
    assert "empty.md: has no text" in complaint(tmp_path / "empty.md", document=True)


@pytest.mark.parametrize("content", ["caf\xe9".encode("latin-1"), "Tide".encode("utf-16")])
def test_a_document_that_is_not_utf_8_is_named_with_the_place(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "old.txt").write_bytes(content)
    message = complaint(tmp_path / "old.txt", document=True)
    assert "old.txt: is not UTF-8" in message
    assert "byte " in message


def test_a_document_that_may_not_be_read_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.md").write_text("text")
    monkeypatch.setattr(Path, "read_text", refuse)  # the tests may run as root, who may read all
    message = complaint(tmp_path / "secret.md", document=True)
    assert "secret.md: cannot be read (Permission denied)" in message


@pytest.mark.parametrize("name", ["x" * 300 + ".md", "x" * 300 + ".pdf", "a\0.md"])
def test_a_name_that_no_file_can_have_is_a_document_that_cannot_be_read(name: str) -> None:
    with pytest.raises(TaskError, match=r": cannot be read \(") as caught:
        read_document(name)
    assert len(str(caught.value).splitlines()) == 1


def test_a_document_keeps_its_text_but_for_the_byte_order_mark_and_line_ends(
    tmp_path: Path,
) -> None:
    (tmp_path / "win.TXT").write_bytes(b"\xef\xbb\xbfThe tide\r\nis high.\x00")
    document = read_document(tmp_path / "win.TXT")
    assert document == Document("win.TXT", "The tide\nis high. ")


@pytest.mark.parametrize("suffix", [".pdf", ".PDF"])
def test_a_real_pdf_gives_its_text(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"survey{suffix}").write_bytes(pdf("The hull has lost 31 % of its plating."))
    document = read_document(tmp_path / f"survey{suffix}")
    assert document.text.strip() == "The hull has lost 31 % of its plating."
    assert document.sections[0].id == "survey#1"


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.4", b"This is a text that calls itself a PDF.", pdf("hull")[:200], b"\0" * 99],
)
def test_an_unreadable_pdf_is_named_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.pdf").write_bytes(content)
    message = complaint(tmp_path / "torn.pdf", document=True)
    assert "torn.pdf: " in message
    assert "export it again" in message


def test_a_pdf_with_a_password_is_named_in_one_line(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=BytesIO(pdf("The hull is sound.")))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    assert "locked.pdf: is not a readable PDF" in complaint(tmp_path / "locked.pdf", document=True)


@pytest.mark.parametrize("name", ["scan.pdf", "SCAN.PDF"])
def test_a_pdf_without_text_is_named_with_the_remedy(tmp_path: Path, name: str) -> None:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(tmp_path / name)
    message = complaint(tmp_path / name, document=True)
    assert f"{name}: has no text" in message
    assert "OCR" in message


# ---- a task folder ----


def test_a_small_folder_becomes_the_task_it_describes(small_task: Task) -> None:
    assert small_task.title == "The ferry"
    assert [d.name for d in small_task.documents] == ["survey.md", "accounts.md"]
    assert [s.name for s in small_task.specialists] == [
        "shipwright",
        "bookkeeper",
        "risk assessor",
    ]
    assert len(small_task.facts) == 6
    assert small_task.facts[1] == Fact(
        "The certificate ends on 4 May 2027.", ("4 May 2027",), "shipwright"
    )
    assert small_task.budget == Budget()


def test_the_toml_file_may_be_named_instead_of_its_folder(
    small_folder: Path, small_task: Task
) -> None:
    assert load_task(small_folder / "task.toml") == small_task
    assert load_task(str(small_folder)) == small_task


def test_a_folder_without_a_roster_or_title_gets_the_default_ones(tmp_path: Path) -> None:
    task = load_task(folder_with(tmp_path, HEAD + "[budget]\ntokens = 900\n"))
    assert task.specialists == DEFAULT_ROSTER
    assert task.title == "What is said?"
    assert task.budget == Budget(tokens=900)


def test_a_name_that_is_neither_scenario_nor_folder_lists_the_scenarios(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"nowhere.*legal.*research"):
        load_task(tmp_path / "nowhere")
    with pytest.raises(UnknownName, match=r"leagl.*legal.*research"):
        load_task("leagl")


@pytest.mark.parametrize("name", ["What are the risks? " * 20, "x/" * 3_000, "a\0b"])
def test_a_name_that_no_folder_can_have_lists_the_scenarios_too(name: str) -> None:
    with pytest.raises(UnknownName, match=r"legal.*research") as caught:
        load_task(name)
    assert len(str(caught.value)) < 200


def test_a_folder_without_a_task_file_says_so(tmp_path: Path) -> None:
    assert f"{tmp_path}: holds no task.toml" in complaint(tmp_path)


def test_a_task_file_that_is_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "task.toml").mkdir()
    assert f"{tmp_path}: holds no task.toml" in complaint(tmp_path)


def test_a_document_is_no_task_but_may_be_asked_about(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    told = complaint(tmp_path / "a.md")
    assert "a.md: is a file and no task" in told
    assert "--documents" in told


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        # not TOML
        ("prompt = \n", "is not valid TOML"),
        ("prompt = 'a'\nprompt = 'b'\n", "is not valid TOML"),
        ("{}", "is not valid TOML"),
        pytest.param("prompt = " + "[" * 50_000, "is not valid TOML", id="deep"),
        # keys that are missing
        ("", "lacks the key 'prompt'"),
        ('documents = ["a.md"]', "lacks the key 'prompt'"),
        ('prompt = "p"', "lacks the key 'documents'"),
        (HEAD + '[[specialists]]\nname = "n"', "[[specialists]] lacks the key 'expertise'"),
        (HEAD + '[[specialists]]\nexpertise = "e"', "[[specialists]] lacks the key 'name'"),
        (HEAD + '[[facts]]\nsays = "s"', "[[facts]] lacks the key 'match'"),
        (HEAD + '[[facts]]\nmatch = ["tide"]', "[[facts]] lacks the key 'says'"),
        (HEAD + '[[contradictions]]\nsays = "s"', "[[contradictions]] lacks the key 'match'"),
        # keys that are unknown, at every level
        (HEAD + "Title = 'x'", "unknown key 'Title' in task.toml; known are title, prompt"),
        (HEAD + SPECIALIST + "skill = 'x'", "unknown key 'skill' in [[specialists]]"),
        (HEAD + "[[facts]]\nsays = 's'\nmatches = []", "unknown key 'matches' in [[facts]]"),
        (HEAD + "[[contradictions]]\nsays = 's'\nx = 1", "unknown key 'x' in [[contradictions]]"),
        (HEAD + "[budget]\ntoken = 5", "unknown key 'token' in [budget]; known are tokens"),
        # wrong types
        ("prompt = 5\ndocuments = ['a.md']", "'prompt' in task.toml must be a str"),
        ("prompt = 'p'\ndocuments = 'a.md'", "'documents' in task.toml must be a list"),
        ("prompt = 'p'\ndocuments = [5]", "`documents` must list file names"),
        ("prompt = 'p'\ndocuments = ['']", "`documents` must list file names"),
        (HEAD + "title = ['x']", "'title' in task.toml must be a str"),
        (HEAD + "budget = 5", "'budget' in task.toml must be a"),
        (HEAD + "specialists = 'all'", "'specialists' in task.toml must be a list"),
        (HEAD + "specialists = ['all']", "[[specialists]] must be a table"),
        (HEAD + "[facts]\nsays = 's'", "'facts' in task.toml must be a list"),
        (HEAD + SPECIALIST + "model = 3", "'model' in [[specialists]] must be a str"),
        (HEAD + "[[facts]]\nsays = 1\nmatch = ['tide']", "'says' in [[facts]] must be a str"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = 'tide'", "'match' in [[facts]] must be a list"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = []", "`match` of 's' must list phrases"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = [' ']", "`match` of 's' must list phrases"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = [4]", "`match` of 's' must list phrases"),
        # a bad budget
        (HEAD + "[budget]\ntokens = 0", "`tokens` in [budget] must be more than 0, not 0"),
        (HEAD + "[budget]\nanswer_tokens = -5", "`answer_tokens` in [budget]"),
        (HEAD + "[budget]\nreport_tokens = 1.5", "'report_tokens' in [budget] must be a int"),
        (HEAD + "[budget]\ntokens = true", "'tokens' in [budget] must be a int"),
        (HEAD + "[budget]\ntokens = '900'", "'tokens' in [budget] must be a int"),
        # what does not fit together
        ("prompt = ' '\ndocuments = ['a.md']", "the prompt is empty"),
        ("prompt = 'p'\ndocuments = []", "no documents"),
        ("prompt = 'p'\ndocuments = ['a.md', 'a.md']", "two documents are called 'a'"),
        (HEAD + SPECIALIST + SPECIALIST, "two specialists are called 'reader'"),
        (HEAD + "[[specialists]]\nname = ' '\nexpertise = ''", "a specialist has no name; give"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = ['ebb']", "'ebb' occurs in no document"),
        (HEAD + "[[facts]]\nsays = 's'\nmatch = ['|']", "'|' occurs in no document"),
        (
            HEAD + "[[facts]]\nsays = 's'\nmatch = ['tide']\nspecialist = 'pilot'",
            "'pilot', who is not on the roster",
        ),
        (
            HEAD + "[[contradictions]]\nsays = 's'\nmatch = ['tide']",
            "`match` of a contradiction has two phrases",
        ),
        (
            HEAD + "[[contradictions]]\nsays = 's'\nmatch = ['tide', 'ebb']",
            "'ebb' occurs in no document",
        ),
    ],
)
def test_a_task_file_that_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, toml: str, words: str
) -> None:
    message = complaint(folder_with(tmp_path, toml))
    assert words in message
    assert message.startswith(str(tmp_path / "task.toml") + ": ")


@pytest.mark.parametrize("name", ["t", "task", "task.toml: x"])
def test_a_complaint_names_the_task_file_whatever_its_folder_is_called(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_with(Path(name), "prompt = ' '\ndocuments = ['a.md']")
    assert complaint(Path(name)).startswith(f"{Path(name, 'task.toml')}: the prompt is empty")


def test_a_task_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    task = load_task(folder_with(tmp_path, "\ufeff" + HEAD))
    assert task.prompt == "What is said?"


def test_a_task_file_that_is_not_utf_8_is_named_in_one_line(tmp_path: Path) -> None:
    folder_with(tmp_path, HEAD)
    (tmp_path / "task.toml").write_bytes("title = 'caf\xe9'\n".encode("latin-1"))
    assert "task.toml: cannot be read" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.md", "gone.md: no such file"),
        ("a.docx", "cannot read this kind"),
        ("empty.txt", "empty.txt: has no text"),
        ("torn.pdf", "torn.pdf: is not a readable PDF"),
    ],
)
def test_a_document_of_a_task_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, words: str
) -> None:
    folder_with(tmp_path, f'prompt = "p"\ndocuments = ["a.md", "{name}"]\n')
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "torn.pdf").write_bytes(b"torn")
    message = complaint(tmp_path)
    assert words in message
    assert str(tmp_path) in message


def test_two_documents_of_one_stem_are_refused_for_their_sections_would_be_confused(
    tmp_path: Path,
) -> None:
    folder_with(tmp_path, 'prompt = "p"\ndocuments = ["a.md", "a.txt"]\n')
    (tmp_path / "a.txt").write_text("The tide is low.")
    assert "two documents are called 'a'; rename one" in complaint(tmp_path)


# ---- a prompt with files ----


def test_a_prompt_with_files_becomes_a_task_for_the_default_roster(tmp_path: Path) -> None:
    folder_with(tmp_path, HEAD)
    task = load_task(prompt="How  high is\nthe tide?", documents=[tmp_path / "a.md"])
    assert task.documents == (Document("a.md", "The tide is high."),)
    assert task.specialists == DEFAULT_ROSTER
    assert task.title == "How high is the tide?"
    assert task.facts == ()


def test_a_long_prompt_gives_a_title_of_at_most_sixty_characters(tmp_path: Path) -> None:
    folder_with(tmp_path, HEAD)
    task = load_task(prompt="tide " * 40, documents=[tmp_path / "a.md"])
    assert task.title == ("tide " * 40)[:57] + "…"


def test_another_prompt_or_other_documents_drop_the_facts_but_keep_the_roster(
    tmp_path: Path, small_folder: Path, small_task: Task
) -> None:
    asked = load_task(small_folder, prompt="What is the crew?")
    assert (asked.prompt, asked.documents) == ("What is the crew?", small_task.documents)
    (tmp_path / "a.md").write_text("The tide is high.")
    moved = load_task(small_folder, documents=[tmp_path / "a.md"])
    assert (moved.prompt, moved.title) == (small_task.prompt, "The ferry")
    assert [d.name for d in moved.documents] == ["a.md"]
    for task in (asked, moved):
        assert (task.facts, task.contradictions) == ((), ())
    assert asked.specialists == moved.specialists == small_task.specialists


def test_nothing_at_all_or_a_prompt_alone_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="name a scenario or a task folder, or give a prompt"):
        load_task()
    with pytest.raises(TaskError, match="name a scenario or a task folder, or give a prompt"):
        load_task(documents=[tmp_path / "a.md"])
    with pytest.raises(TaskError, match="a prompt needs documents"):
        load_task(prompt="How high is the tide?")


def test_two_files_of_one_name_cannot_be_told_apart(tmp_path: Path) -> None:
    one, other = folder_with(tmp_path / "1", HEAD), folder_with(tmp_path / "2", HEAD)
    with pytest.raises(TaskError, match="two documents are called 'a'"):
        load_task(prompt="p", documents=[one / "a.md", other / "a.md"])


def test_every_error_of_loading_is_the_callers_mistake() -> None:
    assert issubclass(TaskError, UsageError)
    assert issubclass(UnknownName, UsageError)


def test_a_task_says_who_is_on_its_roster_when_asked_for_somebody_else(small_task: Task) -> None:
    assert small_task.specialist("shipwright").name == "shipwright"
    with pytest.raises(UnknownName, match=r"'pilot'.*bookkeeper, risk assessor, shipwright"):
        small_task.specialist("pilot")


def test_a_task_made_by_hand_needs_a_prompt_and_a_roster() -> None:
    with pytest.raises(TaskError, match="the prompt is empty"):
        Task(" \n")
    with pytest.raises(TaskError, match="the roster is empty"):
        Task("p", specialists=())
    with pytest.raises(TaskError, match="two specialists are called 'a'"):
        Task("p", specialists=(Specialist("a", "x"), Specialist("a", "y")))


def test_a_task_made_by_hand_takes_lists_as_well_as_tuples(small_task: Task) -> None:
    by_hand = Task(
        small_task.prompt,
        list(small_task.documents),  # type: ignore[arg-type]
        list(small_task.specialists),  # type: ignore[arg-type]
        [Fact(f.says, list(f.match), f.specialist) for f in small_task.facts],  # type: ignore[arg-type]
        title=small_task.title,
        contradictions=list(small_task.contradictions),  # type: ignore[arg-type]
    )
    assert by_hand == small_task
    assert compare(by_hand).to_json() == compare(small_task).to_json()


# ---- sections ----

_LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "  ", "# One", "## Two words", "####", "- item", "| a | b |", "\x0c"]),
        st.text(max_size=30),
        st.integers(1, 2 * SECTION_WORDS).map(lambda n: "word " * n),
    ),
    max_size=12,
).map("\n".join)


def is_heading(line: str) -> bool:
    """One to six number signs, white space and a title."""
    parts = line.split(maxsplit=1)
    return len(parts) == 2 and parts[0] in {"#" * n for n in range(1, 7)}


@given(st.one_of(_LINES, st.text()))
def test_any_text_split_into_sections_keeps_every_word_in_order(text: str) -> None:
    sections = Document("d.md", text).sections
    body = [w for line in text.splitlines() if not is_heading(line) for w in line.split()]
    if not body:
        assert [s.text for s in sections] == [text.strip()]  # headings only: they are the text
    else:
        assert [w for s in sections for w in s.text.split()] == body


@given(_LINES)
def test_sections_are_numbered_and_titled_by_the_headings_above_them(text: str) -> None:
    sections = Document("dir/d.md", text).sections
    assert [s.id for s in sections] == [f"d#{n}" for n in range(1, len(sections) + 1)]
    titles = {line.split(maxsplit=1)[1].strip() for line in text.splitlines() if is_heading(line)}
    assert {s.title for s in sections} <= titles | {"d"}


@pytest.mark.parametrize("between", [" ", "\n", "\n\n"])
def test_a_long_stretch_is_divided_where_its_words_lines_or_paragraphs_allow(between: str) -> None:
    text = between.join(["word"] * 3 * SECTION_WORDS)
    sections = Document("d.md", text).sections
    assert [s.words for s in sections] == [SECTION_WORDS] * 3


def test_a_line_without_an_end_is_divided_beside_a_short_one_too() -> None:
    sections = Document("d.md", "word " * 40_000 + "\nlast").sections
    assert max(s.words for s in sections) == SECTION_WORDS
    assert sum(s.words for s in sections) == 40_001


def test_an_opening_shows_the_first_words_only() -> None:
    (section,) = Document("d.md", " ".join(map(str, range(40)))).sections
    assert section.opening == " ".join(map(str, range(25))) + " …"
    (short,) = Document("d.md", "The tide\nis high.").sections
    assert short.opening == "The tide is high."
