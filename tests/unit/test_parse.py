"""Lines to commands: quoting, abbreviations, shapes, grep, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fortish import commands as c
from fortish import grammar, grep, quoting
from fortish import parse as p
from fortish.commands import Command
from fortish.errors import CliError


def refusal(line: str, legal: tuple[str, ...] | None = None) -> CliError:
    with pytest.raises(CliError) as caught:
        p.parse(line, legal)
    return caught.value


def value(typed: str) -> str:
    command = p.parse(f"set a {typed}")
    assert isinstance(command, c.Set) and len(command.values) == 1
    return command.values[0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("abc", "abc"),
        (r"a\bc", "abc"),
        (r"a\ b", "a b"),
        (r"\"", '"'),
        (r"\\", "\\"),
        (r'"a b"', "a b"),
        (r'"\"\'\\"', "\"'\\"),
        (r'"\n\$"', r"\n\$"),
        (r"'a\b\"c'", r"a\b\"c"),
        ("'a\nb'", "a\nb"),
        ('"a\nb"', "a\nb"),
        ('"a\\\nb"', "a\\\nb"),
        ("'a\\\nb'", "a\\\nb"),
        ("a\\\nb", "ab"),
        ("a\\\r\nb", "ab"),
        ("""a"b c"'d e'f""", "ab cd ef"),
        ("''", ""),
        ('""', ""),
        ('""\'\'x""', "x"),
        ("a#b", "a#b"),
        ('"# not a comment"', "# not a comment"),
        ("a\u00a0b", "a\u00a0b"),
        ("\u00a0", "\u00a0"),
        ("Zoë\u2028x", "Zoë\u2028x"),
    ],
)
def test_a_word_is_its_pieces_joined_with_quotes_and_escapes_undone(typed: str, meant: str) -> None:
    assert value(typed) == meant


def test_the_famous_line_of_all_quoting_rules_is_one_value() -> None:
    line = r'''set buffer \"\n"pre\"\''\\\n"abc'\\\" "'"''' + '\n"last\\\nline'
    pieces = ['"', "n", "pre\"''\\\\n", "abc", '\\\\\\" "', "\n", "last", "line"]
    assert p.parse(line) == c.Set("buffer", ("".join(pieces),))


@pytest.mark.parametrize("line", ["", "  ", "\t\r\n", "# comment", "   # set a b", "#", "#'unclosed"])
def test_blank_lines_and_comments_are_no_command(line: str) -> None:
    assert p.parse(line) is None


def test_a_no_break_space_is_no_blank() -> None:
    assert refusal("\u00a0set a b").lines == ("Unknown action 0",)


@pytest.mark.parametrize("line", ['set a "b', '"set a b', 'set a b"'])
def test_an_unmatched_double_quote_is_named(line: str) -> None:
    error = refusal(line)
    assert error.lines == ("token line: Unmatched double quote.",) and error.code == -61


@pytest.mark.parametrize("line", ["set a 'b", "'set a b", "'", "set a \"'\" 'x"])
def test_an_unmatched_single_quote_is_named(line: str) -> None:
    assert refusal(line).lines == ("token line: Unmatched single quote.",)


# --- verbs ---


def test_a_unique_start_of_a_verb_is_the_verb() -> None:
    assert p.parse("conf sys glob") == c.Config(("sys", "glob"))
    assert p.parse("exec ping x") == c.Execute(("ping", "x"))
    assert p.parse("se a b", ("set", "show")) == c.Set("a", ("b",))


def test_an_ambiguous_start_of_a_verb_is_refused() -> None:
    error = refusal("se a b", ("set", "select"))
    assert error.lines == ("", "ambiguous command before 'se'", "Command fail. Return code -61")
    assert error.word == "se"


def test_a_verb_written_out_is_never_ambiguous() -> None:
    assert p.resolve_verb("set", ("set", "settle")) == "set"
    assert p.complete_word("port1", ["port10", "port1"]) == ["port1"]


def test_a_verb_that_is_not_legal_here_is_an_unknown_action_without_a_code() -> None:
    error = refusal("set a b", ("config", "show"))
    assert error.lines == ("Unknown action 0",) and error.code == 0


def test_case_matters() -> None:
    assert refusal("SET a b").lines == ("Unknown action 0",)


@pytest.mark.parametrize("line", ["setfoo", "set\u00a0a b", "endx", "nextnext"])
def test_a_keyword_ends_at_a_blank(line: str) -> None:
    assert refusal(line).lines == ("Unknown action 0",)


SHAPES: list[tuple[str, Any]] = [
    ("abort", c.Abort()),
    ("append a b", c.Append("a", ("b",))),
    ("append a b c", c.Append("a", ("b", "c"))),
    ("config a", c.Config(("a",))),
    ("config a b c", c.Config(("a", "b", "c"))),
    ("delete a", c.Delete("a")),
    ("edit a", c.Edit("a")),
    ('edit ""', c.Edit("")),
    ("end", c.End()),
    ("exit", c.Exit()),
    ("quit", c.Exit()),
    ("next", c.Next()),
    ("purge", c.Purge()),
    ("select a b", c.Select("a", ("b",))),
    ("set a b", c.Set("a", ("b",))),
    ("set set set", c.Set("set", ("set",))),
    ("set to before after", c.Set("to", ("before", "after"))),
    ("unselect a b c", c.Unselect("a", ("b", "c"))),
    ("unset a", c.Unset("a")),
    ("get", c.Get(())),
    ("get system status", c.Get(("system", "status"))),
    ("show", c.Show(False, ())),
    ("show full-configuration", c.Show(True, ())),
    ("show full system", c.Show(True, ("system",))),
    ("show fu", c.Show(True, ())),
    ("show f", c.Show(False, ("f",))),
    ("tree", c.Tree(())),
    ("tree a b", c.Tree(("a", "b"))),
    ("rename a to b", c.Rename("a", "b")),
    ("rename to to to", c.Rename("to", "to")),
    ("clone a to b", c.Clone("a", "b")),
    ("move 1 before 2", c.Move("1", False, "2")),
    ("move 1 bef 2", c.Move("1", False, "2")),
    ("move 1 after 2", c.Move("1", True, "2")),
    ('rename "a b" to "c"_d', c.Rename("a b", "c_d")),
    ("execute a", c.Execute(("a",))),
    ("diagnose a b", c.Diagnose(("a", "b"))),
    ("sudo global show", c.Sudo("global", ("show",))),
    ("alias a", c.Alias("a")),
]


@pytest.mark.parametrize(("line", "command"), SHAPES)
def test_every_verb_takes_its_shape(line: str, command: Any) -> None:
    assert p.parse(line) == command
    assert type(p.parse(line)) is type(command)


@pytest.mark.parametrize(
    "line",
    ["append", "append a", "config", "delete", "edit", "select a", "set", "set a", "unselect a", "unset", "rename",
     "rename a", "rename a to", "clone a to", "move a", "move a before", "execute", "diagnose", "sudo", "sudo global",
     "alias", "show |", "show | grep"],
)  # fmt: skip
def test_too_few_words_are_an_incomplete_command(line: str) -> None:
    error = refusal(line)
    assert error.lines == ("", "incomplete command in the end", "Command fail. Return code -160")
    assert error.code == -160


@pytest.mark.parametrize(
    ("line", "word"),
    [("abort x", "x"), ("edit a b", "b"), ("delete a b", "b"), ("end 1", "1"), ("exit now", "now"), ("next x y", "x"),
     ("purge all", "all"), ("unset a b", "b"), ("rename a b c", "b"), ("rename a to b c", "c"), ("clone a x b", "x"),
     ("move a under b", "under"), ("alias a b", "b"), ('edit a "b c"', "b c")],
)  # fmt: skip
def test_the_first_word_too_many_is_named(line: str, word: str) -> None:
    error = refusal(line)
    assert error.lines == ("", f"command parse error before '{word}'", "Command fail. Return code -61")
    assert error.word == word


# --- grep ---


@pytest.mark.parametrize(
    ("words", "grep"),
    [
        ("x", c.Grep("x")),
        ("-i x", c.Grep("x", ignore_case=True)),
        ("-v x", c.Grep("x", invert=True)),
        ("-n x", c.Grep("x", number=True)),
        ("-c x", c.Grep("x", counted=True)),
        ("-f x", c.Grep("x", blocks=True)),
        ("-fi x", c.Grep("x", blocks=True, ignore_case=True)),
        ("-A 2 x", c.Grep("x", after=2)),
        ("-A2 x", c.Grep("x", after=2)),
        ("-B 3 x", c.Grep("x", before=3)),
        ("-C 1 -i x", c.Grep("x", after=1, before=1, ignore_case=True)),
        ('"a b"', c.Grep("a b")),
        ("-", c.Grep("-")),
    ],
)
def test_grep_options(words: str, grep: c.Grep) -> None:
    assert p.parse(f"show | grep {words}") == c.Show(False, (), grep)
    assert p.parse(f"get a |gr {words}") == c.Get(("a",), grep)


@pytest.mark.parametrize(
    ("words", "word"), [("-z x", "-z"), ("-iz x", "z"), ("x y", "y"), ("-A q x", "q"), ("-A", "-A"), ("-Ax y", "x")]
)
def test_a_bad_grep_option_is_named(words: str, word: str) -> None:
    assert refusal(f"show | grep {words}").word == word


def test_a_quoted_bar_is_no_pipe() -> None:
    assert p.parse('get "|" grep x') == c.Get(("|", "grep", "x"))


# --- properties ---

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_any_words_survive_quoting_and_parsing(words: list[str]) -> None:
    line = " ".join(["set", quoting.quote("name"), *map(quoting.quote, words)])
    assert p.parse(line) == c.Set("name", tuple(words))


@given(WORDS)
def test_unquote_undoes_quote(word: str) -> None:
    assert quoting.unquote(quoting.quote(word)) == word


def outcome(read: Any, line: str) -> Any:
    try:
        return read(line)
    except CliError as error:
        return error.lines, error.code, error.word


PIECES = st.sampled_from(
    ["a", "b1", "to", "before", "grep", "|", " ", "  ", "\t", '"', "'", "\\", "\n", "#", "\u00a0", "é", '"x y"', "'q'",
     "-i", "full", "''", r"\"", "\x00", "\x85", "\u3000"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(p.verbs()), st.lists(PIECES, max_size=10))
def test_the_scanner_and_the_parser_read_a_line_alike(verb: str, pieces: list[str]) -> None:
    line = f"{verb} {''.join(pieces)}"
    joined = quoting._JOINED.sub(lambda m: m.group(1) or "", line)
    if quoting.open_quote(joined) is not None:
        assert "Unmatched" in outcome(p.parse, line)[0][0]
    elif "\\\n" not in line:
        assert outcome(p.parse, line) == outcome(p._by_grammar, line)


def test_word_and_verbs_are_those_of_the_grammar() -> None:
    terminals = grammar.load("shell", ("start",)).terminals
    (word,) = (terminal.pattern.to_regexp() for terminal in terminals if terminal.name == "WORD")
    verbs = sorted(terminal.name[2:].lower() for terminal in terminals if terminal.name.startswith("V_"))
    assert (word, tuple(verbs)) == (grammar.WORD, grammar.VERBS)


@pytest.mark.parametrize("verb", p.verbs())
def test_a_verb_takes_as_many_words_as_in_the_grammar(verb: str) -> None:
    least, most, make = p.PLAIN.get(verb, p.KEYWORDS)
    for count in range(6):
        read = outcome(p._by_grammar, " ".join([verb, *["x"] * count]))
        if least <= count < most:
            assert make(("x",) * count) == read
        else:
            assert verb not in p.PLAIN or not isinstance(read, Command)


@given(st.text(max_size=40))
def test_any_text_is_a_command_or_a_refusal(text: str) -> None:
    outcome(p.parse, text)


# --- names ---


def test_a_subject_is_its_fields_in_order() -> None:
    assert p.parse_subject(r"CN=a b,O=x\,y,1.2.3=z") == (("CN", "a b"), ("O", "x,y"), ("1.2.3", "z"))


def test_alternatives_are_their_members_in_order() -> None:
    assert p.parse_alternatives("DNS:a, IP:::1") == (("DNS", "a"), ("IP", "::1"))


NAME_PIECES = st.sampled_from(["CN", "DNS", "a", "=", ":", ",", " ", "\t", "\\", "1.2", "é", "-", "\n", "²", "\x00"])


@settings(max_examples=400)
@given(st.sampled_from(sorted(p._NAMES)), st.lists(NAME_PIECES, max_size=9))
def test_names_that_need_no_parser_are_read_as_it_reads_them(start: str, pieces: list[str]) -> None:
    text = "".join(pieces)
    if (plain := p._plain_pairs(text, p._NAMES[start])) is not None:
        tree = grammar.load("names", tuple(p._NAMES)).parse(text, start=start)
        assert plain == tuple((str(pair.children[0]).strip(" \t"), str(pair.children[-1])) for pair in tree.children)


@pytest.mark.parametrize("text", ["", "CN", "=a", "CN=a,", ",CN=a", "CN=a,b"])
def test_a_malformed_subject_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        p.parse_subject(text)


def test_grep_with_a_huge_context_is_as_quick_as_the_text_is_short() -> None:
    rows = [f"line {number}" for number in range(50)]
    for text in ("| grep -A 99999999999 7", "| grep -B 99999999999 7", "| grep -C 99999999999 7"):
        piped = p.parse(f"show {text}").grep  # type: ignore[union-attr]
        assert set(grep.select(rows, piped)) <= set(rows)
