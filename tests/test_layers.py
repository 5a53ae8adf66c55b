"""Who may import whom: a module imports from rows above its own, or from its left in its row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent / "fortish"

# fmt: off
ROWS = (
    # vocabulary
    ("cache", "errors", "steps", "commands", "messages", "grammar"),
    # text and data
    ("quoting", "parse", "grep", "httpauth", "pki", "debug", "zones", "cmdb"),
    # domain: est needs the box that it keeps its certificates in
    ("access", "responder", "factory", "firmware", "box", "est", "scep"),
    # effects, as flows
    ("hooks", "jobs", "execute", "diagnose", "get", "completion"),
    # one administrator
    ("login", "reader", "session"),
    # what carries out
    ("clock", "textfile", "drive", "network", "statefile", "state", "boot", "screen", "group", "replay", "golden",
     "check", "demo"),
    # edges
    ("console", "history", "keyboard", "assist", "linekeys", "patience", "terminal", "shell", "line", "sshd",
     "report", "labs", "door"),
    # the command line, last of them
    ("estcheck", "estserver", "refused", "files", "arguments", "replayed", "main", "__main__"),
)
# fmt: on
PLACE = {name: (row, column) for row, names in enumerate(ROWS) for column, name in enumerate(names)}
EFFECTS = {"asyncio", "socket", "ssl"}
ONLY_IN = {
    "lark": {"grammar", "parse"},
    "prompt_toolkit": {"assist", "history", "keyboard", "linekeys", "patience", "terminal", "shell"},
    "asyncssh": {"sshd"},
}


@cache
def modules() -> tuple[tuple[str, Path, ast.Module], ...]:
    places = {path: path.relative_to(ROOT).with_suffix("").parts for path in sorted(ROOT.rglob("*.py"))}
    return tuple(
        (parts[0], path, ast.parse(path.read_text("utf-8"))) for path, parts in places.items() if parts != ("__init__",)
    )


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module == "fortish":
                yield from ((f"fortish.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module, node.lineno


def test_every_module_has_its_place() -> None:
    assert {name for name, _, _ in modules()} <= set(PLACE)


def test_nobody_imports_from_below_or_from_the_right() -> None:
    wrong = []
    for name, path, tree in modules():
        for target, line in imported(tree):
            parts = target.split(".")
            if parts[0] != "fortish" or len(parts) < 2 or parts[1] in {"__version__", name}:
                continue
            (row, column), (other_row, other_column) = PLACE[name], PLACE[parts[1]]
            if other_row > row or (other_row == row and other_column > column):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_the_wrong_way_is_noticed() -> None:
    assert PLACE["cmdb"] < PLACE["session"] < PLACE["drive"]
    assert list(imported(ast.parse("from fortish import session\nimport fortish.drive"))) == [
        ("fortish.session", 1),
        ("fortish.drive", 2),
    ]


def test_nothing_above_the_driver_touches_the_world() -> None:
    wrong = []
    for name, path, tree in modules():
        if PLACE[name][0] >= PLACE["drive"][0]:
            continue
        wrong += [f"{path}:{line} imports {t}" for t, line in imported(tree) if t.split(".")[0] in EFFECTS]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"print", "input"}:
                wrong.append(f"{path}:{node.lineno} calls {node.func.id}")
    assert not wrong, "\n".join(wrong)


def test_above_the_driver_httpx_is_values_only() -> None:
    for name, path, tree in modules():
        if PLACE[name][0] >= PLACE["drive"][0]:
            continue
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "httpx"
        }
        assert used <= {"Request", "Response"}, path


def test_heavy_libraries_stay_in_their_rooms() -> None:
    for name, path, tree in modules():
        for target, line in imported(tree):
            allowed = ONLY_IN.get(target.split(".")[0])
            assert allowed is None or name in allowed, f"{path}:{line} imports {target}"


FLOWS = {
    "banners", "cacerts", "certs_only", "compute", "csrattrs", "dial", "est_simple_enroll", "est_simple_reenroll",
    "exchange", "fetched", "get_ca_caps", "get_ca_cert", "login", "pki_operation", "ready", "restarted", "scep_enroll",
    "scep_poll", "scep_renew", "sent", "set_auth", "simpleenroll", "simplereenroll", "take_authorities",
}  # fmt: skip


def test_no_flow_is_called_without_yield_from() -> None:
    for _, path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = node.value.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                assert name not in FLOWS, f"{path}:{node.lineno}: {name}() does nothing without yield from"
