"""`--state`: what is committed survives, and a file that cannot be used is left as it was."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fortish
from fortish.boot import Options, boot
from fortish.box import LOCAL, Box, Event, Pending, Revision, Watch
from fortish.cmdb import vdoms
from fortish.cmdb.encoded import decode, encode
from fortish.cmdb.entries import GLOBAL, Change, Drop, Entry, Order, Put
from fortish.cmdb.secrets import Secret, seal
from fortish.cmdb.unknown import Kept
from fortish.drive import Runtime
from fortish.errors import StorageFault, UsageError
from fortish.main import main
from fortish.session import Session
from fortish.statefile import APPLICATION, VERSION

ALIAS = ("system", "alias")
POSIX = os.name == "posix"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "box.db"


def started(path: Path, **more: Any) -> Runtime:
    return boot(Options(state=path, network="none", frozen=True, **more))


@contextlib.contextmanager
def running(path: Path, **more: Any) -> Iterator[Box]:
    runtime = started(path, **more)
    assert runtime.store is not None
    try:
        yield runtime.box
    finally:
        runtime.store.close()


def alias(number: int, size: int = 5) -> Put:
    return Put(GLOBAL, ALIAS, f"a{number}", Entry({"command": "x" * size}))


def aliases(box: Box) -> list[str]:
    return list(box.cmdb.rows(GLOBAL, ALIAS))


def typed(path: Path, *lines: str, **more: Any) -> tuple[str, bool]:
    """What a new process of the same box prints, and whether a line failed."""
    with fortish.Appliance(network="none", state=path, **more) as appliance:
        session = appliance.session()
        played = session.play("".join(f"{line}\n" for line in lines))
        return played.text, played.failed


def whole(path: Path) -> list[str]:
    with running(path) as box:
        return list(Session(box).configuration())[4:]


# --- round trips ---

TEXT = st.text(st.characters(), max_size=20)
VALUES = st.one_of(
    TEXT,
    st.integers(),
    st.none(),
    st.lists(TEXT, max_size=4).map(tuple),
    st.binary(max_size=30).map(lambda raw: Secret(raw.hex(), None)),
    st.lists(TEXT, max_size=4).map(lambda lines: Kept(tuple(lines))),
)
LEAVES = st.dictionaries(TEXT, VALUES, max_size=5).map(Entry)
ENTRIES = st.recursive(
    LEAVES,
    lambda rows: st.builds(
        Entry, st.dictionaries(TEXT, VALUES, max_size=3),
        st.dictionaries(TEXT, st.dictionaries(TEXT, rows, max_size=3), max_size=2),
    ),
    max_leaves=6,
)  # fmt: skip


@given(ENTRIES)
def test_an_entry_is_read_back_as_it_was_written(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), ENTRIES, min_size=1, max_size=6), st.randoms())
@settings(max_examples=40)
def test_entries_under_any_key_survive_in_their_order(entries: dict[str, Entry], random: Any) -> None:
    import tempfile

    keys = list(entries)
    random.shuffle(keys)
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder, "s")) as box:
            box.cmdb.commit([Put(GLOBAL, ALIAS, key, entry) for key, entry in entries.items()])
            box.cmdb.commit([Order(GLOBAL, ALIAS, tuple(keys))])
        with running(Path(folder, "s")) as box:
            assert list(box.cmdb.rows(GLOBAL, ALIAS).items()) == [(key, entries[key]) for key in keys]


def test_a_secret_is_kept_as_its_enc_text_alone_and_opens_again(path: Path) -> None:
    secret = seal("only-in-enc")
    with running(path) as box:
        box.cmdb.commit([Put(GLOBAL, ALIAS, "a", Entry({"own": secret, "foreign": Secret("SH2foreign==", None)}))])
    assert b"only-in-enc" not in path.read_bytes()
    with running(path) as box:
        assert box.cmdb.rows(GLOBAL, ALIAS)["a"].values == {"own": secret, "foreign": Secret("SH2foreign==", None)}


SCRIPT = """\
config firewall address
    delete FABRIC_DEVICE
end
config system interface
    edit port1
        unset allowaccess
        set alias "a \\"b\\" é"
    next
end
config system admin
    edit bob
        set accprofile super_admin
        set password hush
    next
    rename bob to eve
end
config system alias
    edit one
    next
    edit two
    next
    edit three
    next
    delete two
end
config firewall policy
    edit 1
        set srcintf any
        set dstintf any
        set srcaddr all
        set dstaddr all
        set schedule always
        set service ALL
    next
    clone 1 to 2
    clone 1 to 3
    move 3 before 1
    delete 2
end
config system ntp
    set type custom
    config ntpserver
        edit 1
            set server a.example
        next
        edit 2
            set server b.example
        next
    end
end
"""


def test_the_whole_configuration_is_the_same_after_a_restart(path: Path) -> None:
    text, failed = typed(path, *SCRIPT.splitlines(), "show")
    assert not failed
    again = typed(path, "show")[0]
    assert text.split("#global_vdom=1\n")[1] == again.split("#global_vdom=1\n")[1]
    assert 'edit "eve"' in again and 'edit "bob"' not in again and 'edit "FABRIC_DEVICE"' not in again
    assert again.index("edit 3\n        set uuid") < again.index("edit 1\n        set uuid")
    assert 'edit "two"' not in again
    assert "b.example" in again and "unset allowaccess" in again


def test_an_entry_made_after_a_restart_stands_behind_the_others(path: Path) -> None:
    typed(path, *SCRIPT.splitlines())
    typed(path, "config system alias", "edit four", "end")
    with running(path) as box:
        assert aliases(box) == ["one", "three", "four"]


def test_what_names_an_entry_is_known_after_a_restart(path: Path) -> None:
    typed(path, "config system interface", "edit agg", "set type aggregate", "set member port3", "end")
    text, failed = typed(path, "config system interface", "delete port3", "end")
    assert failed and "The entry is used by other 1 entries" in text


def test_kept_unknown_blocks_and_attributes_survive(tmp_path: Path, path: Path) -> None:
    script = tmp_path / "s.conf"
    script.write_text("config made up\n    edit 1\n    next\nend\nconfig system dns\n    set odd a b\nend\n", "utf-8")
    assert main(["replay", "--quiet", "--keep-unknown", "--state", str(path), str(script)]) == 0
    shown = whole(path)
    assert shown[-4:] == ["config made up", "    edit 1", "    next", "end"]
    assert "    set odd a b" in shown


def test_a_value_that_the_schema_no_longer_knows_is_kept(path: Path) -> None:
    with running(path) as box:
        box.cmdb.commit([Put(GLOBAL, ("gone", "table"), "k", Entry({"a": 1})), alias(1)])
        box.cmdb.commit([Put(GLOBAL, ALIAS, "a1", Entry({"command": "x", "gone": ("y",)}))])
    typed(path, "config system alias", "edit a1", "set command z", "end")
    with running(path) as box:
        assert box.cmdb.rows(GLOBAL, ("gone", "table")) == {"k": Entry({"a": 1})}
        assert box.cmdb.rows(GLOBAL, ALIAS)["a1"].values == {"command": "z", "gone": ("y",)}


def test_a_vdom_that_was_deleted_and_made_again_starts_from_the_factory(path: Path) -> None:
    settings_ = ("system", "settings")
    with running(path) as box:
        box.cmdb.commit([Put(GLOBAL, ("system", "vdom"), "x", Entry({"vfid": 1}))])
        box.cmdb.commit([Put("x", settings_, "", Entry({"comments": "old"}))])
        box.cmdb.commit([*vdoms.drops(box.cmdb, "x"), Drop(GLOBAL, ("system", "vdom"), "x")])
        box.cmdb.commit([Put(GLOBAL, ("system", "vdom"), "x", Entry({"vfid": 1}))])
        before = dict(box.cmdb.rows("x", settings_))
    with running(path) as box:
        assert box.cmdb.vdoms() == {"root": 0, "x": 1}
        assert box.cmdb.rows("x", settings_) == before and "comments" not in str(before)


def test_events_watches_waiting_requests_and_revisions_survive(path: Path) -> None:
    pending = Pending(7.0, 5.0, False, "PEM", "only-sealed", options={"host": "a", "port": 8443, "srp_password": None})
    revision = Revision(3, 5.0, "admin", "v7", "before", "text\n")
    with running(path) as box:
        box.log(41987, name="web")
        box.watches[GLOBAL, "web"] = Watch(1.0, None, 2.5, 3)
        box.revisions[3] = revision
        box.pending["v", "new"] = pending
        box.keep()
        pending.attempts += 1
        box.log(41990, name="web", reason="é")
        box.watches[GLOBAL, "web"].tried = 9.0
        box.keep()
        events = list(box.events)
    with running(path) as box:
        assert box.events == events and isinstance(events[0], Event)
        assert box.watches == {(GLOBAL, "web"): Watch(1.0, 9.0, 2.5, 3)}
        assert box.revisions == {3: revision}
        assert box.pending == {("v", "new"): pending} and pending.attempts == 2
        box.pending["v", "new"].options["host"] = "b"
        del box.events[0]
        box.revisions.clear()
        box.keep()
    with running(path) as box:
        assert box.events == events[1:] and not box.revisions
        assert box.pending["v", "new"].options["host"] == "b"
    assert b"only-sealed" not in path.read_bytes()


def test_what_a_flow_leaves_in_the_event_log_is_kept_without_a_commit(path: Path) -> None:
    with fortish.Appliance(network="none", state=path) as appliance:
        appliance.runtime.box.log(22205, name="x")
        appliance.session().run("get system status")
    with running(path) as box:
        assert [event.id for event in box.events] == [22205]


def test_an_enrolled_certificate_is_watched_on_after_a_restart(path: Path) -> None:
    with fortish.Appliance(state=path, clock="2024-01-01T00:00:00Z") as appliance:
        session = appliance.session()
        session.run("execute vpn certificate ca import tftp estExampleCA.pem 192.0.2.10")
        session.run(
            "execute vpn certificate local generate est web ec-secp256r1 https://testrfc7030.com:8443"
            ' CN=web "" estuser estpwd'
        )
        assert not session.failed
        session.run("config vpn certificate local\nedit web\nset auto-regenerate-days 100\nend")
        first = appliance.certificate("web").pem
        key = appliance.cmdb["vpn certificate local"]["web"]["private-key"]
    with fortish.Appliance(network="none", state=path, clock="2024-11-01T00:00:00Z") as appliance:
        assert appliance.certificate("web").pem == first
        assert appliance.cmdb["vpn certificate local"]["web"]["private-key"] == key
        appliance.advance(hours=1)
        assert [event.id for event in appliance.events] == [41987, *[41990] * 4]  # at once, after 5, 15 and 35 minutes
        assert appliance.runtime.box.cmdb.entry(GLOBAL, LOCAL, "web") is not None


# --- starting ---


def test_a_new_file_is_the_users_alone_and_says_what_it_is(path: Path) -> None:
    with running(path):
        pass
    if POSIX:
        assert path.stat().st_mode & 0o777 == 0o600
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_empty_file_is_taken_as_a_new_one(path: Path) -> None:
    path.touch()
    with running(path) as box:
        box.cmdb.commit([alias(1)])
    with running(path) as box:
        assert aliases(box) == ["a1"]


def test_a_backup_starts_a_new_state_and_is_refused_by_one_that_holds_something(tmp_path: Path, path: Path) -> None:
    backup = tmp_path / "b.conf"
    backup.write_text("config system alias\n    edit b\n    next\nend\n", "utf-8")
    with running(path):
        pass
    with running(path, config=backup, hostname="first") as box:
        assert aliases(box) == ["b"]
    held = path.read_bytes()
    with pytest.raises(UsageError, match="holds a configuration already"):
        started(path, config=backup)
    assert path.read_bytes() == held
    assert main(["replay", "-c", "show", "--state", str(path), "--config", str(backup)]) == 2


def test_a_backup_with_an_error_leaves_nothing_behind(tmp_path: Path, path: Path) -> None:
    backup = tmp_path / "b.conf"
    backup.write_text("config system alias\n    edit b\n    next\nend\nconfig nosuch\nend\n", "utf-8")
    with pytest.raises(UsageError, match=r"b\.conf:5"):
        started(path, config=backup)
    with running(path) as box:
        assert aliases(box) == []


def test_a_host_name_and_trusted_certificates_are_committed_once(tmp_path: Path, path: Path) -> None:
    from datetime import UTC, datetime

    from fortish.responder.authority import Authority

    Authority.fresh(datetime.now(UTC)).save(tmp_path)
    with running(path) as box:
        box.cmdb.commit([alias(1)])
    for _ in range(2):
        with running(path, hostname="kept", trust=tmp_path / "cacert.pem") as box:
            assert len(box.authorities()) == 1
    with running(path) as box:
        assert box.hostname == "kept" and len(box.authorities()) == 1


# --- files that cannot be used ---


def refused(path: Path, match: str, **more: Any) -> None:
    """The file is refused with one sentence, twice the same, and stays byte for byte as it was."""
    held, names = path.read_bytes(), sorted(path.parent.iterdir())
    for _ in range(2):
        with pytest.raises(UsageError, match=match) as caught:
            started(path, **more)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert path.read_bytes() == held
    assert sorted(path.parent.iterdir()) == names


@pytest.fixture
def filled(path: Path) -> Path:
    with running(path) as box:
        box.cmdb.commit([alias(number, 2000) for number in range(40)])
    return path


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "content", [b"x", b"config system global\nend\n" * 20, b"SQLite format 3\0", b"SQLite format 3\0" + bytes(4080)]
)
def test_a_file_that_is_no_state_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path, "not a state file of fortish")


def test_another_programs_database_is_refused(path: Path) -> None:
    changed(path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
    refused(path, "not a state file of fortish")


def test_a_newer_layout_is_refused(filled: Path) -> None:
    changed(filled, f"PRAGMA user_version = {VERSION + 1}")
    refused(filled, "made by another fortish")


def test_another_firmware_is_refused_by_name(filled: Path) -> None:
    refused(filled, "start it with --firmware fortiproxy-guide", firmware="fortigate-7.6")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(filled: Path, share: float) -> None:
    filled.write_bytes(filled.read_bytes()[: int(filled.stat().st_size * share)])
    refused(filled, "damaged")


@pytest.mark.parametrize("page", range(1, 8))
def test_a_file_with_a_page_of_rubbish_is_refused(filled: Path, page: int) -> None:
    content = bytearray(filled.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    filled.write_bytes(content)
    refused(filled, "damaged")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body = 'x' WHERE key = 'a7'",
        "UPDATE entry SET body = '[[]]' WHERE key = 'a7'",
        """UPDATE entry SET body = '[{"command":{"odd":1}}]' WHERE key = 'a7'""",
        "UPDATE entry SET body = cast(x'ff' as text) WHERE key = 'a7'",
        "UPDATE entry SET place = 77 WHERE key = 'a7'",
        "DELETE FROM meta",
        "DROP TABLE memory",
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "INSERT INTO memory VALUES ('watch', 'global', 'a', '{}')",
        "INSERT INTO memory VALUES ('pending', 'global', 'a', 'AAAA')",
        "INSERT INTO event VALUES (1, 1, 1, 'a', 'b', 'no json')",
    ],
)
def test_content_that_fortish_did_not_write_is_refused(filled: Path, statement: str) -> None:
    changed(filled, statement)
    refused(filled, "damaged")


def test_a_folder_a_device_and_a_place_that_is_not_there_are_refused(tmp_path: Path) -> None:
    for place, match in (
        (tmp_path, "not a file"),
        (tmp_path / "no" / "s", "there is no folder"),
        (Path(__file__) / "s", "there is no folder"),
        *([(Path("/dev/null"), "not a file")] if POSIX else []),
    ):
        with pytest.raises(UsageError, match=match):
            started(place)
        assert main(["replay", "-c", "show", "--state", str(place)]) == 2


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Whoever may read everything does not notice a write protection."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not POSIX, reason="file modes")
def test_a_write_protected_file_or_folder_is_refused_at_once() -> None:
    import tempfile

    with unprivileged(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s")
        with running(path) as box:
            box.cmdb.commit([alias(1)])
        path.chmod(0o400)
        refused(path, "write protected")
        path.chmod(0o600)
        Path(folder).chmod(0o500)
        refused(path, "folder is write protected")
        with pytest.raises(UsageError, match="Permission denied"):
            started(Path(folder, "other"))
        Path(folder).chmod(0o700)


# --- one process ---

HOLD = "import sys; from pathlib import Path; from fortish.boot import Options, boot\n" + (
    "boot(Options(state=Path(sys.argv[1]), network='none')); print('have it', flush=True); sys.stdin.read()"
)


def test_a_second_process_is_told_and_one_that_was_killed_frees_the_file(path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == "have it\n"
        for _ in range(2):
            with pytest.raises(UsageError, match="in use by another fortish"):
                started(path)
        child.kill()
    with running(path) as box:
        box.cmdb.commit([alias(1)])


def test_a_second_box_in_this_process_is_told_and_the_first_keeps_its_lock(path: Path) -> None:
    with running(path) as box:
        with pytest.raises(UsageError, match="in use by another fortish"):
            started(path)
        other = subprocess.run(
            [sys.executable, "-c", HOLD, str(path)], input="", capture_output=True, text=True, check=False
        )
        assert "in use by another fortish" in other.stderr
        box.cmdb.commit([alias(1)])
    with running(path) as box:
        assert aliases(box) == ["a1"]


@pytest.mark.skipif(not POSIX, reason="SIGKILL")
def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    from tests import kill

    count = kill.run(15, seed=7030, folder=tmp_path)
    assert count.kills == 15 and count.acknowledged > 10 and count.lost == 0


@pytest.mark.skipif(not POSIX, reason="an open file cannot be removed")
def test_a_file_that_was_removed_or_replaced_takes_no_commits(path: Path) -> None:
    runtime = started(path)
    path.unlink()
    for _ in range(2):
        with pytest.raises(StorageFault, match="the state file is gone"):
            runtime.box.cmdb.commit([alias(1)])
        path.write_bytes(b"another")
    assert aliases(runtime.box) == []
    runtime.store.close()  # type: ignore[union-attr]
    assert path.read_bytes() == b"another"


def test_what_a_replay_had_shown_is_there_after_a_kill(tmp_path: Path, path: Path) -> None:
    file = script(tmp_path, 4000)
    command = [sys.executable, "-m", "fortish", "replay", "--state", str(path), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        assert child.stdout is not None
        shown = [child.stdout.readline() for _ in range(400)]
        child.kill()
        shown += child.stdout.readlines()[:-1]
    numbers = [line.split("(a")[1].split(")")[0] for line in shown if ") # next" in line]
    with running(path) as box:
        there = set(aliases(box))
    assert len(numbers) > 50
    assert {f"a{number}" for number in numbers} <= there and len(there) < 4000


# --- disks that are full ---


def small(runtime: Runtime, pages: int) -> None:
    runtime.store._connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[union-attr]


def pages(path: Path) -> int:
    return path.stat().st_size // 4096


def fill(box: Box, number: int = 0) -> int:
    """Commit entries until one is refused: its number."""
    while True:
        try:
            box.cmdb.commit([alias(number, 3000), alias(-number - 1, 3000)])
        except StorageFault:
            return number
        number += 1


def test_a_full_file_refuses_a_commit_whole_and_takes_others_when_there_is_space(path: Path) -> None:
    runtime = started(path)
    small(runtime, pages(path) + 9)
    box = runtime.box
    refused_ = fill(box)
    before = aliases(box)
    assert refused_ > 1 and before[-1] == f"a{-refused_}"
    for _ in range(2):
        with pytest.raises(StorageFault, match="no space left"):
            box.cmdb.commit([alias(99, 9000)])
    assert aliases(box) == before
    small(runtime, 10_000)
    box.cmdb.commit([alias(99, 9000)])
    runtime.store.close()  # type: ignore[union-attr]
    with running(path) as box:
        assert aliases(box) == [*before, "a99"]


LIMITED = """
import resource, sys
from pathlib import Path
from tests.unit.test_state import aliases, alias, fill, started
from fortish.errors import StorageFault
path = Path(sys.argv[1])
runtime = started(path)
runtime.box.cmdb.commit([alias(1000)])
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40_000, resource.RLIM_INFINITY))
stopped = fill(runtime.box)
print(stopped, *aliases(runtime.box))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
runtime.box.cmdb.commit([alias(2000)])
"""


@pytest.mark.skipif(not POSIX, reason="RLIMIT_FSIZE")
def test_when_the_system_takes_no_more_octets_what_was_acknowledged_is_there(path: Path) -> None:
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False, cwd=root
    )
    assert child.returncode == 0, child.stderr
    stopped, *names = child.stdout.split()
    assert int(stopped) > 1
    with running(path) as box:
        assert aliases(box) == [*names, "a2000"]


def test_a_refused_commit_is_an_error_in_the_boxs_words(path: Path) -> None:
    with fortish.Appliance(network="none", state=path) as appliance:
        small(appliance.runtime, 1)
        session = appliance.session()
        said = session.run("config system alias\nedit a\nset command " + "x" * 255 + "\nnext\nend")
        for number in range(40):
            said = session.run(f"config system alias\nedit b{number}\nset command {'x' * 255}\nend")
            if session.failed:
                break
        assert session.code == 1
        assert said.startswith("new entry") and "could not be stored: there is no space left" in said
        assert f"b{number}" not in appliance.cmdb["system alias"]


# --- groups ---


def test_a_group_is_stored_together_or_not_at_all(path: Path) -> None:
    runtime = started(path)
    store, box = runtime.store, runtime.box
    assert store is not None
    store.begin()
    box.cmdb.commit([alias(1)])
    box.cmdb.commit([alias(2)])
    store.store()
    small(runtime, pages(path) + 3)
    store.begin()
    box.cmdb.commit([alias(3)])
    with pytest.raises(StorageFault):
        box.cmdb.commit([alias(4, 90_000)])
    with pytest.raises(StorageFault):
        box.cmdb.commit([alias(5)])
    with pytest.raises(StorageFault):
        store.store()
    store.close()
    with running(path) as box:
        assert aliases(box) == ["a1", "a2"]


def script(folder: Path, count: int, size: int = 200) -> Path:
    lines = [f"edit a{number}\nset command {'x' * size}\nnext\n" for number in range(count)]
    (folder / "s.conf").write_text(f"config system alias\n{''.join(lines)}end\n", "utf-8")
    return folder / "s.conf"


def test_a_replay_shows_lines_only_after_they_are_stored(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time something is printed, another connection must find every entry that was printed as saved."""
    from fortish import group, replay

    monkeypatch.setattr(group, "GROUP_LINES", 10)
    seen: list[int] = []

    def write(text: str) -> None:
        shown.append(text)
        seen.append(runtime.store._connection.total_changes)  # type: ignore[union-attr]
        assert not runtime.store._connection.in_transaction  # type: ignore[union-attr]

    import asyncio

    shown: list[str] = []
    runtime = started(path)
    player = replay.Player(runtime, Session(runtime.box), write, store=runtime.store)
    asyncio.run(player.play(replay.typed_lines(script(tmp_path, 30).read_text())))
    player.stored()
    runtime.store.close()  # type: ignore[union-attr]
    assert len(shown) > 5 and "".join(shown).count("next\n") == 30
    assert seen == sorted(seen) and seen[-1] >= 30


def test_lines_that_cannot_be_stored_are_not_shown_and_named(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fortish import boot as boot_
    from fortish import group

    monkeypatch.setattr(group, "GROUP_LINES", 30)
    original = boot_._start_from

    def tight(box: Box, options: Options) -> Any:
        store = original(box, options)
        store._connection.execute(f"PRAGMA max_page_count = {pages(path) + 4}")  # type: ignore[attr-defined]
        return store

    monkeypatch.setattr(boot_, "_start_from", tight)
    file = script(tmp_path, 200)
    assert main(["replay", "--state", str(path), str(file)]) == 1
    out, err = capsys.readouterr()
    monkeypatch.undo()
    with running(path) as box:
        stored = aliases(box)
    printed = [line.split()[-1] for line in out.splitlines() if "# edit a" in line]
    assert err.startswith(f"fortish: {file}:") and err.count("\n") == 1 and "no space left" in err
    assert 1 < len(stored) < 150 and printed[: len(stored)] == stored and len(printed) <= len(stored) + 1
    first, last = err.split(f"{file}:")[1].split(": ")[0].split(" to ")
    assert int(first) == out.count("# ") + 1 and int(last) > int(first)


def test_commands_that_act_are_stored_by_themselves(path: Path) -> None:
    assert main(["replay", "--state", str(path), "-c", "config system alias", "-c", "edit a", "-c", "set command 'x",
                 "-c", "execute date'", "-c", "end", "-c", "exec date", "-c", "config system alias", "-c", "edit b",
                 "-c", "end"]) == 0  # fmt: skip
    with running(path) as box:
        assert aliases(box) == ["a", "b"]


def test_ctrl_c_in_a_replay_keeps_what_was_shown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fortish import replay

    async def interrupted(self: Any, *rest: Any) -> None:
        await original(self, *rest)
        raise KeyboardInterrupt

    original: Callable[..., Any] = replay.Player.play
    monkeypatch.setattr(replay.Player, "play", interrupted)
    assert main(["replay", "--state", str(path), "-c", "config system alias", "-c", "edit a", "-c", "end"]) == 130
    with running(path) as box:
        assert aliases(box) == ["a"]


# --- memory and file ---

KEYS = st.sampled_from("abcdef")
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 3)),
        st.tuples(st.just("drop"), KEYS, st.just(0)),
        st.tuples(st.just("turn"), KEYS, st.just(0)),
    ),
    max_size=12,
)  # fmt: skip


@given(st.lists(CHANGES, max_size=5))
@settings(max_examples=60)
def test_file_and_memory_agree_after_any_commits(commits: list[list[tuple[str, str, int]]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder, "s")) as box:
            for commit in commits:
                held = aliases(box)
                changes: list[Change] = []
                for kind, key, value in commit:
                    if kind == "put":
                        changes.append(Put(GLOBAL, ALIAS, key, Entry({"command": str(value)})))
                        held += [] if key in held else [key]
                    elif kind == "drop":
                        changes.append(Drop(GLOBAL, ALIAS, key))
                        held = [old for old in held if old != key]
                    else:
                        held = held[::-1]
                        changes.append(Order(GLOBAL, ALIAS, tuple(held)))
                box.cmdb.commit(changes)
            rows = list(box.cmdb.rows(GLOBAL, ALIAS).items())
        with running(Path(folder, "s")) as box:
            assert list(box.cmdb.rows(GLOBAL, ALIAS).items()) == rows
