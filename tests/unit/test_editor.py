"""The editor: where the administrator stands, working copies, and what saving does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.editor import Editor
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Put
from fortish.cmdb.outcome import Outcome
from fortish.errors import CliError, StorageFault
from fortish.parse import parse

INTERFACE, POLICY = ("system", "interface"), ("firewall", "policy")


@pytest.fixture
def box() -> Box:
    return Box.new(VirtualClock(0.0))


@pytest.fixture
def editor(box: Box) -> Editor:
    return Editor(box.cmdb)


def run(editor: Editor, *lines: str) -> Outcome:
    outcome = Outcome()
    for line in lines:
        command = parse(line, editor.legal)
        assert command is not None
        outcome = editor.apply(command)
    return outcome


def refused(editor: Editor, *lines: str) -> CliError:
    run(editor, *lines[:-1])
    with pytest.raises(CliError) as caught:
        run(editor, lines[-1])
    return caught.value


def place(editor: Editor) -> list[str]:
    return [frame.name for frame in editor.frames]


def alias(box: Box, name: str = "port1") -> str:
    return str(box.cmdb["system interface"][name]["alias"])


# --- where we stand ---


def test_next_and_end_go_where_they_should(editor: Editor) -> None:
    run(editor, "config system interface", "edit port1")
    assert place(editor) == ["interface", "port1"] and editor.kind == "entry"
    run(editor, "next")
    assert place(editor) == ["interface"] and editor.kind == "table"
    run(editor, "edit port1", "end")
    assert editor.kind == "root"


def test_one_end_closes_the_innermost_config_with_its_open_edit(editor: Editor, box: Box) -> None:
    run(
        editor,
        "config system interface",
        "edit port1",
        "set secondary-IP enable",
        "config secondaryip",
        "edit 1",
        "set ip 10.0.0.1/24",
    )
    assert place(editor) == ["interface", "port1", "secondaryip", "1"]
    run(editor, "end")
    assert place(editor) == ["interface", "port1"]
    assert box.cmdb["system interface"]["port1"]["secondaryip"] == {}
    run(editor, "end")
    assert place(editor) == []
    assert box.cmdb["system interface"]["port1"]["secondaryip"]["1"]["ip"] == "10.0.0.1 255.255.255.0"


def test_a_child_singleton_is_saved_with_its_parent(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "config ipv6")
    assert editor.kind == "singleton"
    run(editor, "set ip6-allowaccess ping", "end", "next")
    assert box.cmdb["system interface"]["port1"]["ipv6"][""]["ip6-allowaccess"] == ("ping",)


def test_abort_in_the_parent_throws_the_rows_of_its_child_tables_away(editor: Editor, box: Box) -> None:
    run(
        editor,
        "config system interface",
        "edit port1",
        "set secondary-IP enable",
        "config secondaryip",
        "edit 1",
        "set ip 10.0.0.1/24",
        "end",
    )
    run(editor, "abort")
    assert editor.kind == "root" and box.cmdb["system interface"]["port1"]["secondaryip"] == {}


def test_exit_is_for_the_root(editor: Editor) -> None:
    assert refused(editor, "config system global", "exit").lines == ("please use 'end' to return to root shell",)
    assert editor.kind == "singleton"


def test_a_path_is_taken_by_unique_starts_and_refused_otherwise(editor: Editor) -> None:
    run(editor, "config sys inter", "end", "config vpn cert loc", "end")
    assert refused(editor, "config sys a").lines[1] == "ambiguous command before 'a'"
    assert refused(editor, "config system nosuch").lines[1] == "command parse error before 'nosuch'"
    assert refused(editor, "config system").lines[1] == "incomplete command in the end"
    assert refused(editor, "config system global x").lines[1] == "command parse error before 'x'"
    assert editor.kind == "root"


# --- working copies ---


def test_what_is_set_is_not_seen_outside_until_next(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "set alias new")
    assert alias(box) == "" and editor.working.changed
    run(editor, "next")
    assert alias(box) == "new"


def test_abort_drops_what_was_not_saved_and_keeps_what_next_saved(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "set alias kept", "next", "edit port2", "set alias lost")
    run(editor, "abort")
    assert alias(box) == "kept" and alias(box, "port2") == "" and editor.kind == "root"


def test_a_new_entry_says_so_and_an_old_one_is_silent(editor: Editor, box: Box) -> None:
    run(editor, "config system interface")
    assert run(editor, "edit new").lines == ("new entry 'new' added",)
    assert "new" not in box.cmdb["system interface"]
    run(editor, "next")
    assert "new" in box.cmdb["system interface"] and run(editor, "edit new").lines == ()


def test_opening_and_leaving_an_entry_commits_nothing(editor: Editor, box: Box) -> None:
    generation = box.cmdb.generation
    run(editor, "config system interface", "edit port1", "next", "edit port1", "end", "config system global", "end")
    assert box.cmdb.generation <= generation + 1  # a singleton that never was stored may be stored empty


def test_unset_goes_back_to_the_default(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "set mtu-override enable", "set mtu 9000", "next")
    run(editor, "edit port1", "unset mtu", "end")
    assert box.cmdb["system interface"]["port1"]["mtu"] == 1500


def test_a_refused_set_does_not_spoil_the_entry(editor: Editor, box: Box) -> None:
    refused(editor, "config system interface", "edit port1", "set alias a", "set vrf 999")
    run(editor, "set alias b", "end")
    assert alias(box) == "b" and box.cmdb["system interface"]["port1"]["vrf"] == 0


def test_edit_0_takes_the_next_free_number_when_it_is_saved(editor: Editor, box: Box) -> None:
    run(editor, "config system ntp", "set type custom", "config ntpserver", "edit 7", "set server a", "next")
    assert run(editor, "edit 0").lines == ("new entry '0' added",)
    assert place(editor)[-1] == "0"
    run(editor, "set server b", "next", "edit 0", "set server c", "end", "end")
    rows = box.cmdb["system ntp"][""]["ntpserver"]
    assert {key: row["server"] for key, row in rows.items()} == {"7": "a", "8": "b", "9": "c"}


# --- refused at next and end ---


def test_a_failing_next_discards_and_returns_to_the_table(editor: Editor, box: Box) -> None:
    error = refused(editor, "config user ldap", "edit a", "set server x", "next")
    assert error.lines == (
        "node_check_object fail! for dn is empty.",
        "Attribute 'dn' MUST be set.",
        "Command fail. Return code -56",
    )
    assert place(editor) == ["ldap"] and "a" not in box.cmdb["user ldap"]


def test_a_failing_end_discards_and_leaves(editor: Editor, box: Box) -> None:
    assert refused(editor, "config user ldap", "edit a", "set server x", "end").code == -56
    assert editor.kind == "root" and "a" not in box.cmdb["user ldap"]


def test_a_failing_end_in_a_child_table_leaves_to_the_parent(editor: Editor) -> None:
    assert refused(editor, "config system ntp", "set type custom", "config ntpserver", "edit 1", "end").code == -56
    assert place(editor) == ["ntp"]


class Full:
    def __init__(self) -> None:
        self.full = False

    def append(self, changes: list[Change]) -> None:
        if self.full:
            raise StorageFault("No space left on device")


@pytest.mark.parametrize(
    "lines",
    [
        ("config system interface", "edit port1", "set alias x", "next"),
        ("config system interface", "edit port1", "set alias x", "end"),
        ("config firewall address", "delete none"),
        ("config firewall address", "rename none to nobody"),
        ("config system interface", "clone port1 to lan"),
        ("config firewall policy", "move 2 before 1"),
    ],
)
def test_a_commit_that_cannot_be_stored_is_an_error_and_changes_nothing(lines: tuple[str, ...]) -> None:
    journal = Full()
    box = Box.new(VirtualClock(0.0), journal=journal)
    editor = Editor(box.cmdb)
    box.cmdb.commit([Put("root", POLICY, key, Entry()) for key in "12"])
    run(editor, *lines[:-1])
    before = [list(box.cmdb.rows(*place).items()) for place in ((GLOBAL, INTERFACE), ("root", POLICY))]
    journal.full = True
    error = refused(editor, lines[-1])
    assert error.lines == (
        "The configuration could not be stored: No space left on device",
        "Command fail. Return code 1",
    )
    assert [list(box.cmdb.rows(*place).items()) for place in ((GLOBAL, INTERFACE), ("root", POLICY))] == before


def test_a_purge_that_cannot_be_stored_changes_nothing() -> None:
    journal = Full()
    box = Box.new(VirtualClock(0.0), journal=journal)
    editor = Editor(box.cmdb)
    run(editor, "config system alias", "edit a", "set command x", "next")
    outcome = run(editor, "purge")
    journal.full = True
    with pytest.raises(CliError):
        editor.confirm(outcome)
    assert list(box.cmdb["system alias"]) == ["a"]


# --- two at once ---


def test_a_commit_to_another_attribute_survives_an_open_edit(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "set alias mine")
    other = Editor(box.cmdb)
    run(other, "config system interface", "edit port1", "set vrf 5", "set alias theirs", "end")
    run(editor, "end")
    assert alias(box) == "mine" and box.cmdb["system interface"]["port1"]["vrf"] == 5


def test_rows_that_others_added_to_a_child_table_survive_an_open_edit(editor: Editor, box: Box) -> None:
    run(
        editor,
        "config system interface",
        "edit port1",
        "set secondary-IP enable",
        "config secondaryip",
        "edit 1",
        "set ip 10.0.0.1/24",
        "end",
    )
    other = Editor(box.cmdb)
    run(
        other,
        "config system interface",
        "edit port1",
        "set secondary-IP enable",
        "config secondaryip",
        "edit 2",
        "set ip 10.0.1.1/24",
        "end",
        "end",
    )
    run(editor, "end")
    assert set(box.cmdb["system interface"]["port1"]["secondaryip"]) == {"1", "2"}


def test_an_entry_deleted_meanwhile_cannot_be_saved(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port4", "set alias x")
    box.cmdb.commit([Drop(GLOBAL, INTERFACE, "port4")])
    assert refused(editor, "next").code == -3
    assert "port4" not in box.cmdb["system interface"] and editor.kind == "table"


# --- tables ---


def test_an_entry_in_use_cannot_be_deleted(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit lan", "set interface port1", "next")
    run(editor, "edit agg", "set type aggregate", "set member lan", "next")
    error = refused(editor, "delete lan")
    assert error.lines == ("The entry is used by other 1 entries", "Command fail. Return code -23")
    run(editor, "delete agg", "delete lan")
    assert "lan" not in box.cmdb["system interface"]


def test_a_missing_entry_cannot_be_deleted_renamed_cloned_or_moved(editor: Editor, box: Box) -> None:
    run(editor, "config system interface")
    for line in ("delete x", "rename x to y", "clone x to y"):
        assert refused(editor, line).code == -3
    box.cmdb.commit([Put("root", POLICY, "1", Entry())])
    run(editor, "end", "config firewall policy")
    for line in ("move 7 before 1", "move 1 after 7"):
        assert refused(editor, line).code == -3


def test_a_key_that_is_taken_is_refused(editor: Editor) -> None:
    run(editor, "config system alias", "edit a", "next", "edit b", "next")
    for line in ("rename a to b", "clone a to b"):
        assert refused(editor, line).code == -5


def test_a_rename_keeps_the_place_and_everyone_who_names_it_follows(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit vlan", "set interface port1", "next")
    run(editor, "edit agg", "set type aggregate", "set member port2 vlan", "end")
    run(
        editor,
        "config system ntp",
        "set type custom",
        "config ntpserver",
        "edit 1",
        "set server x",
        "set interface-select-method specify",
    )
    run(editor, "set interface vlan", "end", "end")
    run(editor, "config system interface", "rename vlan to lan")
    assert list(box.cmdb["system interface"])[-2:] == ["lan", "agg"]
    assert set(box.cmdb["system interface"]["agg"]["member"]) == {"port2", "lan"}
    assert box.cmdb["system ntp"][""]["ntpserver"]["1"]["interface"] == "lan"
    assert refused(editor, "delete lan").code == -23


def test_an_entry_that_names_itself_can_be_renamed_and_deleted(editor: Editor, box: Box) -> None:
    box.cmdb.commit([Put(GLOBAL, INTERFACE, "me", Entry({"type": "vlan", "interface": "me"}))])
    run(editor, "config system interface", "rename me to you")
    assert box.cmdb["system interface"]["you"]["interface"] == "you"
    run(editor, "delete you")
    assert "you" not in box.cmdb["system interface"] and not box.cmdb.users(GLOBAL, INTERFACE, "you")


def test_a_clone_is_a_copy_of_its_own(editor: Editor, box: Box) -> None:
    run(editor, "config system interface", "edit port1", "set alias a", "next", "clone port1 to b", "edit b")
    run(editor, "set alias c", "next")
    assert alias(box) == "a" and alias(box, "b") == "c"


def test_move_puts_an_entry_before_or_after_another(editor: Editor, box: Box) -> None:
    box.cmdb.commit([Put("root", POLICY, key, Entry()) for key in "123"])
    run(editor, "config firewall policy", "move 3 before 1")
    assert list(box.cmdb["firewall policy"]) == ["3", "1", "2"]
    run(editor, "move 3 after 1", "move 1 after 1")
    assert list(box.cmdb["firewall policy"]) == ["1", "3", "2"]


def test_where_the_order_means_nothing_there_is_no_move(editor: Editor, box: Box) -> None:
    before = list(box.cmdb["system interface"])
    run(editor, "config system interface")
    assert refused(editor, "move port2 before port1").lines == ("Unknown action 0",)
    assert list(box.cmdb["system interface"]) == before


def test_child_tables_rename_clone_and_delete_in_the_working_copy(editor: Editor, box: Box) -> None:
    run(editor, "config system ntp", "set type custom", "config ntpserver")
    for key in "123":
        run(editor, f"edit {key}", f"set server s{key}", "next")
    run(editor, "rename 2 to 20", "clone 1 to 10", "delete 1", "end", "end")
    rows = box.cmdb["system ntp"][""]["ntpserver"]
    assert [(key, row["server"]) for key, row in rows.items()] == [("20", "s2"), ("3", "s3"), ("10", "s1")]


def test_purge_asks_and_then_clears_the_table(editor: Editor, box: Box) -> None:
    run(editor, "config system alias", "edit a", "next", "edit b", "next")
    outcome = run(editor, "purge")
    assert outcome.question.startswith("This operation will clear all table!") and len(box.cmdb["system alias"]) == 2
    editor.confirm(outcome)
    assert len(box.cmdb["system alias"]) == 0


VERBS = st.sampled_from(
    ["config system interface", "config system ntp", "set type custom", "set secondary-IP enable", "config ntpserver",
     "set secondary-IP enable", "config secondaryip", "config system alias",
     "edit port1", "edit a", "edit 0", "edit 1", "set alias x", "set server y", "set vrf 3", "set vrf q", "unset alias",
     "next", "end", "abort", "delete a", "delete 1", "rename a to b", "clone port1 to a", "purge",
     "append allowaccess ping", "unselect allowaccess ping", "exit", "set command z"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(VERBS, max_size=25))
def test_any_lines_leave_a_consistent_editor_and_index(lines: list[str]) -> None:
    box = Box.new(VirtualClock(0.0))
    editor = Editor(box.cmdb)
    for line in lines:
        before = dict(box.cmdb.rows(GLOBAL, INTERFACE))
        try:
            run(editor, line)
        except CliError as error:
            assert error.lines and box.cmdb.rows(GLOBAL, INTERFACE) == before
        kinds = [frame.kind for frame in editor.frames]
        assert all(kinds[place - 1] == "table" for place, kind in enumerate(kinds) if kind == "entry")


def test_entries_that_only_name_each_other_can_be_purged(editor: Editor, box: Box) -> None:
    run(editor, "config firewall address", "edit a", "end", "config firewall addrgrp")
    run(editor, "edit inner", "set member a", "next", "edit outer", "set member inner", "end")
    outcome = run(editor, "config firewall addrgrp", "purge")
    editor.confirm(outcome)
    assert not box.cmdb.rows("root", ("firewall", "addrgrp"))


def test_entries_that_others_name_cannot_be_purged(editor: Editor, box: Box) -> None:
    run(editor, "config firewall address", "edit a", "end", "config firewall addrgrp")
    run(editor, "edit inner", "set member a", "end")
    outcome = run(editor, "config firewall address", "purge")
    with pytest.raises(CliError):
        editor.confirm(outcome)
    assert "a" in box.cmdb.rows("root", ("firewall", "address"))
