"""`--config`: a whole backup replaces what the factory put in, a part is laid over it."""

from __future__ import annotations

from pathlib import Path

from fortish.boot import Options, boot
from fortish.main import main

CHANGES = [
    "config system dns", "unset primary", "end",
    "config firewall address", "delete none", "end",
    "config system interface", "edit port1", "unset allowaccess", "set alias x", "end",
]  # fmt: skip


def saved(tmp_path: Path, *options: str) -> str:
    target = tmp_path / "saved.conf"
    words = [word for line in CHANGES for word in ("-c", line)] if not options else ["-c", "config system dns"]
    assert main(["replay", "--quiet", "--save", str(target), *options, *words]) == 0
    return target.read_text("utf-8")


def test_a_backup_brings_back_what_was_changed_deleted_and_unset(tmp_path: Path) -> None:
    first = saved(tmp_path)
    backup = tmp_path / "backup.conf"
    backup.write_text(first, "utf-8")
    box = boot(Options(config=backup, frozen=True, network="none")).box
    assert "none" not in box.cmdb["firewall address"]
    assert box.cmdb["system interface"]["port1"]["allowaccess"] == ()
    assert box.cmdb["system dns"][""]["primary"] == "0.0.0.0"
    again = saved(tmp_path, "--config", str(backup))
    assert again.split("\n", 4)[4] == first.split("\n", 4)[4]
    replayed = saved(tmp_path, str(backup))
    assert replayed.split("\n", 4)[4] == first.split("\n", 4)[4]


def test_a_part_without_a_header_is_laid_over_the_factory(tmp_path: Path) -> None:
    part = tmp_path / "part.conf"
    part.write_text("config system interface\n    edit port1\n        set alias y\n    next\nend\n", "utf-8")
    box = boot(Options(config=part, frozen=True, network="none")).box
    assert box.cmdb["system interface"]["port1"]["alias"] == "y"
    assert box.cmdb["system interface"]["port1"]["ip"] == "172.18.60.184 255.255.255.0"
    assert "port4" in box.cmdb["system interface"]


def test_a_backup_may_name_what_it_brings_only_later(tmp_path: Path) -> None:
    body = "config system interface\n    edit a\n        set type vlan\n        set interface b\n        set vlanid 2\n"
    body += "    next\n    edit b\n        set type vlan\n        set interface port1\n"
    body += "        set vlanid 3\n    next\nend\n"
    script, backup = tmp_path / "script.conf", tmp_path / "backup.conf"
    script.write_text(body, "utf-8")
    backup.write_text(f"#config-version=FGVM-7.4.8-FW-build2795-250523:opmode=0:vdom=0:user=admin\n{body}", "utf-8")
    assert main(["replay", "--quiet", str(script)]) == 1
    assert main(["replay", "--quiet", str(backup)]) == 0
    box = boot(Options(config=backup, frozen=True, network="none")).box
    assert box.cmdb["system interface"]["a"]["interface"] == "b"
    assert not box.cmdb.restoring
