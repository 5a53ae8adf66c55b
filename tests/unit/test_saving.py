"""Saving, restoring and booting: one commit each, nothing half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fortish
from fortish.boot import Options, boot
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb import restore
from fortish.cmdb.entries import GLOBAL, VDOM, Change, Drop, Entry, Order, Put
from fortish.cmdb.schema import Schema
from fortish.cmdb.snapshots import difference
from fortish.cmdb.store import Cmdb
from fortish.errors import StorageFault
from fortish.main import main

ALIAS, SETTINGS = ("system", "alias"), ("system", "settings")
HEADER = "#config-version=FGVM01-7.6.0-FW-build1172-240926:opmode=0:vdom=0:user=admin\n"


class Recorder:
    """A journal that counts, and that can be full."""

    def __init__(self) -> None:
        self.kept: list[list[Change]] = []
        self.full = False

    def append(self, changes: list[Change]) -> None:
        if self.full:
            raise StorageFault("no space left")
        self.kept.append(changes)


def aliases(cmdb: Cmdb) -> list[str]:
    return list(cmdb.rows(GLOBAL, ALIAS))


def alias(name: str, command: str = "x") -> Put:
    return Put(GLOBAL, ALIAS, name, Entry({"command": command}))


# --- snapshots ---

KEYS = st.lists(st.sampled_from("abcde"), unique=True)
TABLES = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("xyz"), max_size=5)


def filled(rows: dict[str, str], vdoms: list[str], deleted: bool) -> Cmdb:
    cmdb = Cmdb(Schema())
    cmdb.commit([alias(name, command) for name, command in rows.items()])
    for number, vdom in enumerate(vdoms, 1):
        cmdb.commit([Put(GLOBAL, VDOM, vdom, Entry({"vfid": number}))])
        cmdb.commit([Put(vdom, SETTINGS, "", Entry({"comments": vdom}))])
    if deleted:
        cmdb.commit([Drop(GLOBAL, ("system", "interface"), "port4")])
    return cmdb


@given(TABLES, KEYS, st.booleans(), TABLES, KEYS, st.booleans())
@settings(max_examples=80)
def test_a_replaced_configuration_is_the_wanted_one_in_one_commit(
    old: dict[str, str], old_vdoms: list[str], old_deleted: bool,
    new: dict[str, str], new_vdoms: list[str], new_deleted: bool,
) -> None:  # fmt: skip
    cmdb, wanted = filled(old, old_vdoms, old_deleted), filled(new, new_vdoms, new_deleted)
    journal = cmdb.journal = Recorder()
    cmdb.replace(wanted.snapshot())
    assert list(cmdb.rows(GLOBAL, ALIAS).items()) == list(wanted.rows(GLOBAL, ALIAS).items())
    assert list(cmdb.vdoms()) == list(wanted.vdoms())
    for vdom in new_vdoms:
        assert cmdb.rows(vdom, SETTINGS) == wanted.rows(vdom, SETTINGS)
    assert cmdb.rows(GLOBAL, ("system", "interface")) == wanted.rows(GLOBAL, ("system", "interface"))
    assert len(journal.kept) == 1
    cmdb.replace(wanted.snapshot())
    assert journal.kept[1:] == [[]]


def test_a_replace_that_cannot_be_kept_changes_nothing() -> None:
    cmdb = filled({"a": "x", "b": "y"}, ["v"], True)
    journal = cmdb.journal = Recorder()
    before, generation = cmdb.snapshot(), cmdb.generation
    journal.full = True
    with pytest.raises(StorageFault):
        cmdb.replace({})
    assert cmdb.snapshot() == before and cmdb.generation == generation


def test_a_difference_says_no_more_than_it_must() -> None:
    one, two = filled({"a": "x", "b": "y"}, [], False), filled({"a": "x", "b": "z"}, [], False)
    assert difference(one.schema, one.snapshot(), two.snapshot()) == [alias("b", "z")]
    turned = filled({"b": "y", "a": "x"}, [], False)
    assert difference(one.schema, one.snapshot(), turned.snapshot()) == [Order(GLOBAL, ALIAS, ("b", "a"))]


# --- cfg-save ---


def mode(box: Box, name: str) -> None:
    values = box.cmdb.rows(GLOBAL, ("system", "global")).get("", Entry()).values
    box.cmdb.commit([Put(GLOBAL, ("system", "global"), "", Entry({**values, "cfg-save": name}))])


@pytest.fixture
def box() -> Box:
    return Box.new(VirtualClock(1_700_000_000.0), journal=Recorder())


def kept(box: Box) -> list[list[Change]]:
    journal: Any = box.cmdb.journal
    return list(journal.kept)


def test_unsaved_changes_are_kept_by_one_save(box: Box) -> None:
    mode(box, "manual")
    before = kept(box)
    box.cmdb.commit([alias("a")])
    box.cmdb.commit([alias("b")])
    box.cmdb.commit([Drop(GLOBAL, ALIAS, "a")])
    assert kept(box) == before and box.cmdb.unsafe
    box.save()
    assert kept(box)[len(before) :] == [[alias("b")]] and not box.cmdb.unsafe


def test_a_save_that_fails_can_be_tried_again(box: Box) -> None:
    mode(box, "manual")
    box.cmdb.commit([alias("a")])
    box.cmdb.journal.full = True  # type: ignore[attr-defined]
    with pytest.raises(StorageFault):
        box.save()
    assert box.cmdb.unsafe and aliases(box.cmdb) == ["a"]
    box.cmdb.journal.full = False  # type: ignore[attr-defined]
    box.save()
    assert kept(box)[-1] == [alias("a")]


def test_back_in_automatic_mode_all_is_saved_in_one_transaction_or_nothing_changes(box: Box) -> None:
    mode(box, "manual")
    box.cmdb.commit([alias("a")])
    box.cmdb.journal.full = True  # type: ignore[attr-defined]
    with pytest.raises(StorageFault):
        mode(box, "automatic")
    assert box.cmdb.saved is not None and box.cmdb.unsafe
    box.cmdb.journal.full = False  # type: ignore[attr-defined]
    mode(box, "automatic")
    assert kept(box)[-1][0] == alias("a") and len(kept(box)[-1]) == 2 and box.cmdb.saved is None


def test_a_restore_is_kept_in_manual_mode_too_and_brings_the_mode_of_the_backup(box: Box) -> None:
    mode(box, "manual")
    box.cmdb.commit([alias("lost")])
    box.cmdb.replace(filled({"a": "x"}, [], False).snapshot())
    assert aliases(box.cmdb) == ["a"] and box.cmdb.saved is None and not box.cmdb.unsafe
    box.cmdb.commit([alias("b")])
    assert kept(box)[-1] == [alias("b")]


REVERT = "config system global\nset cfg-save revert\nset cfg-revert-timeout 30\nend"
LOST = "config system alias\nedit lost\nend"


def test_what_nobody_saves_is_undone_in_its_time_with_a_warning_before() -> None:
    with fortish.Appliance(network="none") as appliance:
        session = appliance.session()
        session.run(REVERT)
        session.run(LOST)
        said: list[str] = []

        class Listener:
            def trace(self, line: str) -> None:
                said.append(line)

        appliance.runtime.consoles.append(Listener())  # type: ignore[arg-type]
        appliance.advance(seconds=19)
        assert not said and aliases(appliance.cmdb) == ["lost"]
        appliance.advance(seconds=2)
        assert said == ["System will reboot if no input is received in the next 10 seconds..."]
        appliance.advance(seconds=8)
        assert aliases(appliance.cmdb) == ["lost"]
        appliance.advance(seconds=2)
        assert aliases(appliance.cmdb) == [] and said[1:] == ["The system is going down NOW !!"]
        assert session.run("show") == "exit\n"
        said, session = [said[0]], appliance.session()
        session.run(LOST)
        appliance.advance(seconds=25)
        assert len(said) == 2
        assert session.run("execute cfg save") == "config saved.\n"
        appliance.advance(days=1)
        assert aliases(appliance.cmdb) == ["lost"] and len(said) == 2


def test_a_script_is_not_undone_while_it_is_typed() -> None:
    with fortish.Appliance(network="none") as appliance:
        played = appliance.session().play(f"{REVERT}\n{LOST}\nshow system alias\nexecute cfg save\n")
        assert not played.failed and "config saved." in played.text
        assert aliases(appliance.cmdb) == ["lost"]


def test_only_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "s"
    for name, saves in (("one", True), ("two", False), ("three", True)):
        with fortish.Appliance(network="none", state=state) as appliance:
            session = appliance.session()
            if name == "one":
                session.run("config system global\nset cfg-save manual\nend")
            session.run(f"config system alias\nedit {name}\nend\nconfig firewall address\ndelete none\nend")
            assert not saves or session.run("execute cfg save") == "config saved.\n"
    with fortish.Appliance(network="none", state=state) as appliance:
        assert aliases(appliance.cmdb) == ["one", "three"]
        session = appliance.session()
        session.run("config system interface\nedit port1\nset alias mine\nend")
        session.run("config system global\nset cfg-save automatic\nend")
    with fortish.Appliance(network="none", state=state) as appliance:
        assert appliance.cmdb["system interface"]["port1"]["alias"] == "mine"
        assert "none" not in appliance.cmdb["firewall address"]


# --- backup and restore ---


def test_a_backup_is_byte_for_byte_what_show_prints_at_the_root(tmp_path: Path) -> None:
    with fortish.Appliance(files=tmp_path) as appliance:
        session = appliance.session()
        session.run("config system admin\nedit bob\nset accprofile super_admin\nset password hush\nend")
        for line, name in (("show", "backup config"), ("show full-configuration", "backup full-config")):
            session.run(f"execute {name} tftp b.conf 192.0.2.10")
            assert not session.failed
            assert (tmp_path / "b.conf").read_text("utf-8") == session.run(line)


def restored(appliance: fortish.Appliance, folder: Path, text: str) -> tuple[str, int]:
    (folder / "r.conf").write_bytes(text.encode())
    session = appliance.session()
    said = session.run("execute restore config tftp r.conf 192.0.2.10", answers=["y"])
    return said, session.code


def test_a_backup_that_is_restored_gives_the_same_backup_again(tmp_path: Path) -> None:
    with fortish.Appliance(files=tmp_path, state=tmp_path / "s") as appliance:
        session = appliance.session()
        session.run("config firewall address\ndelete none\nend\nconfig system interface\nedit port1\nset alias x\nend")
        before = session.run("show").split("\n", 4)[4]
        session.run("execute backup config tftp b.conf 192.0.2.10")
        session.run("config firewall address\ndelete all\nend\nconfig system alias\nedit new\nend")
        text = (tmp_path / "b.conf").read_text("utf-8")
        assert restored(appliance, tmp_path, text.replace("\n", "\r\n"))[1] == 0
        assert appliance.session().run("show").split("\n", 4)[4] == before
    with fortish.Appliance(network="none", state=tmp_path / "s") as appliance:
        assert appliance.session().run("show").split("\n", 4)[4] == before


@pytest.mark.parametrize(
    "text",
    ["", "config system alias\nend\n", f"{HEADER}config system alias\n edit a\n", f"{HEADER}config system alias\n",
     f"{HEADER}config made up\n edit 1\n", f"x{HEADER}"],
)  # fmt: skip
def test_a_file_that_is_no_whole_configuration_changes_nothing(tmp_path: Path, text: str) -> None:
    with fortish.Appliance(files=tmp_path) as appliance:
        appliance.session().run("config system alias\nedit kept\nend")
        booted, before = appliance.runtime.box.booted, appliance.cmdb.snapshot()
        said, code = restored(appliance, tmp_path, text)
        assert code == -39 and "This file is no whole configuration" in said
        assert appliance.cmdb.snapshot() == before and appliance.runtime.box.booted == booted


def test_a_restore_that_cannot_be_stored_changes_nothing(tmp_path: Path) -> None:
    state = tmp_path / "s"
    rows = "".join(f"edit a{n}\nset command {'x' * 200}\nnext\n" for n in range(400))
    with fortish.Appliance(files=tmp_path, state=state) as appliance:
        appliance.session().run("config system alias\nedit kept\nend")
        store: Any = appliance.runtime.store
        store._connection.execute(f"PRAGMA max_page_count = {state.stat().st_size // 4096 + 4}")
        booted = appliance.runtime.box.booted
        said, code = restored(appliance, tmp_path, f"{HEADER}config system alias\n{rows}end\n")
        assert code == 1 and "could not be stored: there is no space left" in said and "File check OK" not in said
        assert aliases(appliance.cmdb) == ["kept"] and appliance.runtime.box.booted == booted
    with fortish.Appliance(network="none", state=state) as appliance:
        assert aliases(appliance.cmdb) == ["kept"]


UNKNOWN = f"""{HEADER}config system global
    set gui-made-up "disable"
end
config made-up table
    edit 1
        config inner
        end
    next
end
config system alias
    edit "a<b"
        set command x
    next
    edit "good"
        set nosuch y
        set command "z"
    end
emd
config system interface
    edit "port1"
        set alias "after"
    next
end
"""


def test_lines_that_are_not_known_are_skipped_and_told(tmp_path: Path) -> None:
    with fortish.Appliance(files=tmp_path) as appliance:
        assert restored(appliance, tmp_path, UNKNOWN)[1] == 0
        assert aliases(appliance.cmdb) == ["good"]
        assert appliance.cmdb["system interface"]["port1"]["alias"] == "after"
        assert appliance.runtime.box.config_errors == [
            '>>>  "set" "gui-made-up" "disable" @ global.system.global:command parse error (error -61)',
            '>>>  "config" "made-up" "table" @ root:command parse error (error -61)',
            '>>>  "edit" "a<b" @ global.system.alias:value parse error (error -173)',
            '>>>  "set" "nosuch" "y" @ global.system.alias.good:command parse error (error -61)',
            '>>>  "emd" @ root:command parse error (error -61)',
        ]
        session = appliance.session()
        assert session.run("diagnose debug config-error-log read").count("\n") == 5
        session.run("execute reboot", answers=["y"])
        assert session.run("diagnose debug config-error-log read") == ""


def test_a_refused_entry_that_ends_with_its_table_leaves_the_next_table_alone() -> None:
    text = f"{HEADER}config system alias\nedit 'a<b'\nset command x\nend\nconfig system dns\nset primary 1.2.3.4\nend\n"
    cmdb, errors, ended = restore.read(Cmdb(Schema()), text)
    assert ended and len(errors) == 1 and cmdb["system dns"][""]["primary"] == "1.2.3.4"


@given(st.text(alphabet="aces \n\"'\\#<", max_size=60))
@settings(max_examples=150)
def test_any_text_behind_a_header_is_read_without_a_crash(text: str) -> None:
    body = text.replace("c", "config system alias\n").replace("e", "edit a\n").replace("s", "end\n")
    cmdb, errors, _ = restore.read(Cmdb(Schema()), HEADER + body)
    assert all(error.startswith(">>>  ") and "\n" not in error for error in errors)
    assert set(aliases(cmdb)) <= {"a"} or aliases(cmdb)


def test_a_backup_with_unknown_lines_starts_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup = tmp_path / "b.conf"
    backup.write_text(UNKNOWN, "utf-8")
    assert main(["replay", "-c", "diagnose debug config-error-log read", "--config", str(backup)]) == 0
    out, err = capsys.readouterr()
    assert out.count(">>>  ") == 5
    where = "'diagnose debug config-error-log read' shows them"
    assert err == f"fortish: warning: {backup}: 5 lines were not understood; {where}\n"


def test_unknown_blocks_come_back_with_a_restore_where_they_are_kept(tmp_path: Path) -> None:
    script = tmp_path / "s.conf"
    script.write_text(
        "config made up\n    edit 1\n    next\nend\n"
        "execute backup config flash\nexecute restore config flash 1\ny\nshow\n"
    )
    assert main(["replay", "--quiet", "--keep-unknown", "--save", str(tmp_path / "out"), str(script)]) == 0
    assert (tmp_path / "out").read_text("utf-8").endswith("config made up\n    edit 1\n    next\nend\n")


def test_revisions_survive_and_one_that_cannot_be_kept_is_not_there(tmp_path: Path) -> None:
    state = tmp_path / "s"
    with fortish.Appliance(network="none", state=state) as appliance:
        session = appliance.session()
        session.run("config system alias\nedit first\nend")
        session.run("execute backup config flash 'one two'")
        store: Any = appliance.runtime.store
        store._connection.execute(f"PRAGMA max_page_count = {state.stat().st_size // 4096}")
        said = session.run("execute backup config flash three")
        assert session.code == 1 and "no space left" in said and list(appliance.runtime.box.revisions) == [1]
    with fortish.Appliance(network="none", state=state) as appliance:
        session = appliance.session()
        assert session.run("execute revision list config").endswith("one two\n")
        session.run("execute backup config flash")
        session.run("config system alias\nedit second\nend")
        session.run("execute restore config flash 1", answers=["y"])
        assert aliases(appliance.cmdb) == ["first"]
        session.run("execute revision delete config 1")
    with fortish.Appliance(network="none", state=state) as appliance:
        assert list(appliance.runtime.box.revisions) == [2] and aliases(appliance.cmdb) == ["first"]


# --- booting ---


def test_a_reboot_goes_on_as_a_fresh_login_of_the_same_administrator() -> None:
    with fortish.Appliance(network="none", clock="2024-01-01T00:00:00Z") as appliance:
        appliance.session().run("config system admin\nedit bob\nset accprofile super_admin\nset password x\nend")
        session = appliance.session("bob")
        session.run("diagnose debug enable")
        appliance.advance(hours=1)
        played = session.play("execute reboot\ny\nshow system console\n")
        assert not played.failed and "config system console" in played.text
        assert session._session.administrator == "bob" and not session._session.debug.enabled
        assert appliance.runtime.box.booted == appliance.runtime.clock.now() > 1_704_067_200


def test_an_administrator_whom_the_restore_took_away_is_not_logged_in_again() -> None:
    with fortish.Appliance(network="none") as appliance:
        appliance.session().run("config system admin\nedit bob\nset accprofile super_admin\nset password x\nend")
        session = appliance.session("bob")
        session.run("execute factoryreset", answers=["y"])
        assert session._session.administrator == "admin" and session.prompt == "FortiProxy-VM64 # "


def test_a_shutdown_ends_the_session_and_what_comes_behind_it_is_not_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--yes", "-c", "execute shutdown", "-c", "execute date"]) == 1
    out, err = capsys.readouterr()
    assert "current date" not in out and "not played: 1" in err


def test_a_factory_reset_survives(tmp_path: Path) -> None:
    state = tmp_path / "s"
    with fortish.Appliance(network="none", state=state, hostname="mine") as appliance:
        session = appliance.session()
        session.run("config system alias\nedit gone\nend\nconfig firewall address\ndelete none\nend")
        appliance.runtime.box.log(22205, name="x")
        session.run("execute factoryreset", answers=["y"])
    runtime = boot(Options(state=state, network="none", frozen=True))
    assert runtime.box.hostname == "FortiProxy-VM64" and aliases(runtime.box.cmdb) == []
    assert "none" in runtime.box.cmdb["firewall address"] and len(runtime.box.events) == 1
    runtime.store.close()  # type: ignore[union-attr]
