"""Candidates for `?` and Tab."""

from __future__ import annotations

import pytest

from fortish.box import Box
from fortish.clock import HostClock
from fortish.completion import candidates, completed, completions, layout, replacements, split
from fortish.session import Session
from fortish.steps import Say


@pytest.fixture
def session() -> Session:
    return Session(Box.new(HostClock()))


def typed(session: Session, *lines: str) -> list[str]:
    return [step.text for line in lines for step in session.feed(line) if isinstance(step, Say)]


def inside_est_entry(session: Session) -> Session:
    typed(session, "config vpn certificate ca", "end", "config vpn certificate local", "edit other", "next")
    assert typed(session, "edit new", "set enroll-protocol est") == ["new entry 'new' added"]
    return session


def shown(session: Session, text: str) -> list[str]:
    return layout(candidates(session, text))


def test_the_root_lists_the_legal_verbs_in_the_documented_words(session: Session) -> None:
    assert shown(session, "")[:5] == [
        "config      Configure object.",
        "get         Get dynamic and system information.",
        "show        Show configuration.",
        "diagnose    Diagnose facility.",
        "execute     Execute static commands.",
    ]
    assert {*completions(session, ""), "quit", "tree"} == {*session.editor.legal}
    assert completions(session, "qu") == ["quit"]


def test_every_legal_verb_has_help_in_every_scope(session: Session) -> None:
    for line in ("", "config system console", "end", "config vpn certificate local", "edit x"):
        typed(session, line)
        assert all(candidate.help for candidate in candidates(session, "").candidates)


def test_a_config_path_is_followed_word_by_word(session: Session) -> None:
    assert shown(session, "config vpn ") == [
        "certificate    Certificates and their settings.",
        "ipsec          IPsec tunnels.",
    ]
    assert shown(session, "config vpn certificate local ") == [" <Enter>"]


def test_set_lists_the_visible_attributes_only(session: Session) -> None:
    inside_est_entry(session)
    words = completions(session, "set ")
    assert "est-server" in words
    assert not {"scep-url", "state", "name"} & set(words)


def test_a_mandatory_attribute_is_starred_but_completed_without_the_star(session: Session) -> None:
    typed(session, "config user ldap", "edit x")
    starred = [c for c in candidates(session, "set ").candidates if c.mandatory]
    assert starred
    assert any(line.startswith(f"*{starred[0].word} ") for line in shown(session, "set "))
    assert starred[0].word in completions(session, "set ")


def saved_box() -> Box:
    from fortish.cmdb.entries import GLOBAL, Entry, Put

    box = Box.new(HostClock())
    path = ("vpn", "certificate", "local")
    box.cmdb.commit([Put(GLOBAL, path, "Held", Entry()), Put(GLOBAL, path, "two words", Entry())])
    return box


def test_a_reference_lists_the_entries_it_may_name_with_their_table() -> None:
    session = inside_est_entry(Session(saved_box()))
    lines = shown(session, "set est-client-cert ")
    assert lines[0].split(maxsplit=1) == ["<string>", "please input string value"]
    assert ["Held", "local"] in [line.split() for line in lines]


def test_a_name_with_a_blank_is_completed_in_quotes() -> None:
    session = inside_est_entry(Session(saved_box()))
    assert completions(session, "set est-client-cert tw") == ['"two words"']
    assert completions(session, 'set est-client-cert "two w') == ['"two words"']


@pytest.mark.parametrize("line", ["delete ", "edit ", "rename ", "clone ", "show ", "get "])
def test_a_tables_entries_are_offered_where_one_may_be_named(line: str) -> None:
    session = Session(saved_box())
    typed(session, "config vpn certificate local")
    assert "Held" in completions(session, line)


@pytest.mark.parametrize("verb", ["show", "get"])
def test_a_path_at_the_root_offers_the_entries_behind_it(verb: str) -> None:
    assert "Held" in completions(Session(saved_box()), f"{verb} vpn certificate local ")


def test_an_integer_shows_its_range_and_default(session: Session) -> None:
    inside_est_entry(session)
    assert shown(session, "set auto-regenerate-days ") == [
        "auto-regenerate-days    Enter an integer value from <0> to <4294967295> (default = <0>)."
    ]


def test_an_option_shows_its_values_and_ends_after_one(session: Session) -> None:
    inside_est_entry(session)
    assert "est      Enrollment over Secure Transport." in shown(session, "set enroll-protocol ")
    assert shown(session, "set enroll-protocol est ") == [" <Enter>"]


def test_a_hook_shows_its_positional_parameters(session: Session) -> None:
    line = "execute vpn certificate local generate est "
    assert shown(session, line) == ["<name>    Name of the local certificate."]
    assert shown(session, f"{line}new ")[0].startswith("<algorithm>    ")  # a new one needs more
    (optional,) = shown(session, f"{line}new ec-secp256r1 https://a.example ")
    assert optional.startswith("<Enter>|<subject>    ")


def test_a_certificate_that_is_there_is_enrolled_again_by_its_name_alone() -> None:
    (optional,) = shown(Session(saved_box()), "execute vpn certificate local generate est Held ")
    assert optional.startswith("<Enter>|<algorithm>    ")


def test_exit_is_offered_where_it_leaves_only(session: Session) -> None:
    assert completions(session, "ex") == ["execute", "exit"] and completions(session, "tr") == ["tree"]
    typed(session, "config system alias")
    assert completions(session, "ex") == [] and completions(session, "e") == ["edit", "end"]


def piped(session: Session, text: str) -> list[str]:
    return layout(candidates(session, text, pipes=True))


def test_a_learner_is_shown_what_follows_a_pipe(session: Session) -> None:
    assert piped(session, "show system console ") == ["|    Filter the output.", " <Enter>"]
    assert piped(session, "show | ") == ["grep    Print the lines that match."]
    options = [line.split()[0] for line in piped(session, "show | grep -i -nf ")]
    assert options == ["-A", "-B", "-C", "-c", "-f", "-i", "-n", "-v", "<pattern>"]
    assert piped(session, "show | grep -A ") == ["<lines>    So many lines after each match."]
    assert "<pattern>" in piped(session, "show | grep -A 3 ")[-1]
    assert piped(session, "show | grep -i est ") == [" <Enter>"]
    assert piped(session, "execute ping | grep x") == ["command parse error before '|'"]
    assert piped(session, "show | grep -x ") == ["command parse error before '-x'"]


def test_the_box_has_no_help_for_a_pipe(session: Session) -> None:
    for line in ("show |", "show | ", "show | gr", "show | grep -i ", "get system status |grep x"):
        assert shown(session, line) == ["command parse error before '|'"]
        assert completions(session, line) == []


def test_a_partial_word_narrows_the_list(session: Session) -> None:
    assert shown(session, "e") == ["execute    Execute static commands.", "exit       Exit the CLI."]
    assert completions(session, "config vpn cer") == ["certificate"]


@pytest.mark.parametrize("line", ["nonsense ", "nonsense", "config vpn nonsense ", "execute nonsense "])
def test_an_unknown_word_gives_one_line_and_nothing_else(session: Session, line: str) -> None:
    assert shown(session, line) == ["command parse error before 'nonsense'"]
    assert completions(session, line) == []


def test_an_open_quote_is_one_unfinished_word(session: Session) -> None:
    inside_est_entry(session)
    help_ = candidates(session, 'set comments "free te')
    assert help_.partial == '"free te'
    assert [c.word for c in help_.candidates] == ["<string>"]


def test_a_word_that_can_be_only_one_is_completed_and_no_other(session: Session) -> None:
    for line, left in (("conf", "config"), ("e", "e"), ("config vpn ", "config vpn "), ("zzz", "zzz")):
        assert completed(candidates(session, line), line) == left
    typed(session, "config system alias", "edit held", "set command x", "next")
    assert completed(candidates(session, "edit he"), "edit he") == "edit he"  # a new key may be meant
    assert completed(candidates(session, "delete he"), "delete he") == "delete held"


def test_a_word_that_began_a_line_earlier_gets_only_its_rest(session: Session) -> None:
    help_ = candidates(session, "config vpn cert\\\nif")
    assert help_.partial == "certif"
    assert replacements(help_, "if") == ("if", ["icate"])


def test_a_line_is_split_as_execution_splits_it() -> None:
    assert split('set a "b c"d e\\ f') == (("set", "a", "b cd"), "e\\ f")
    assert split("set a 'b\\\nc' ") == (("set", "a", "b\\\nc"), "")
    assert split('set a "b') == (("set", "a"), '"b')
    assert split("set a\u00a0b ") == (("set", "a\u00a0b"), "")  # only the grammar's blanks separate


@pytest.mark.parametrize("line", ['"config" ', 'rename a "to" ', 'show "full-configuration" x ', 'show | "grep" '])
def test_a_word_of_the_grammar_in_quotes_leads_nowhere(session: Session, line: str) -> None:
    if line.startswith("rename"):
        typed(session, "config system alias")
    assert candidates(session, line).error is not None


def test_a_command_of_get_can_be_named_by_its_start(session: Session) -> None:
    assert typed(session, "get hardware") == ["\nincomplete command in the end\nCommand fail. Return code -160"]
    assert typed(session, "get hardware x") == ["\ncommand parse error before 'x'\nCommand fail. Return code -61"]


def test_candidates_are_a_sequence(session: Session) -> None:
    found = candidates(session, "").candidates
    assert [found[place] for place in range(len(found))] == list(found)
    assert (found[-1], found[1:3]) == (list(found)[-1], tuple(found)[1:3])
    with pytest.raises(IndexError):
        found[len(found)]
