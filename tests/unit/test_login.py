"""Who may come in: the login flow, held in the hand; and at the terminal, through a pipe."""

# ranks: 19

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable

import hurry
import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from fortish.access import ADMIN
from fortish.box import Box
from fortish.clock import VirtualClock
from fortish.cmdb.entries import GLOBAL, SINGLE, SYSTEM_GLOBAL, Change, Entry, Put
from fortish.cmdb.secrets import Secret, seal
from fortish.console import CTRL_C
from fortish.drive import Runtime
from fortish.errors import Interrupted, StorageFault
from fortish.login import BANNERS, banners, login, matches
from fortish.network.world import LabNetwork
from fortish.session import Session
from fortish.shell import interact
from fortish.steps import Ask, Flow, Kind, Say


class Full:
    """A disk on which nothing more can be kept."""

    def append(self, changes: list[Change]) -> None:
        raise StorageFault("disk full")


def box_with(**settings: object) -> Box:
    box = Box.new(VirtualClock(1_700_000_000))
    box.cmdb.commit([Put(GLOBAL, SYSTEM_GLOBAL, SINGLE, Entry({k.replace("_", "-"): v for k, v in settings.items()}))])
    return box


def account(box: Box, name: str = "admin", password: str | Secret = "pw", **more: object) -> None:
    kept = seal(password) if isinstance(password, str) else password
    values = {"accprofile": "super_admin", "password": kept, **{k.replace("_", "-"): v for k, v in more.items()}}
    box.cmdb.commit([Put(GLOBAL, ADMIN, name, Entry(values))])


def play(flow: Flow, answers: Iterable[str]) -> tuple[str, str | None]:
    """The screen, and what the flow returns; None if it still asks when nobody answers any more."""
    left, screen = iter(answers), ""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Say):
                screen += f"{step.text}\n"
                step = flow.send(None)
                continue
            assert isinstance(step, Ask)
            screen += step.question
            given = next(left, None)
            if given is None:
                return screen, None
            if given == CTRL_C:
                screen += "\n"
                step = flow.throw(Interrupted())
                continue
            screen += "\n" if step.kind is Kind.SECRET else f"{given}\n"
            step = flow.send(given)
    except StopIteration as stop:
        return screen, stop.value


def test_the_right_password_lets_in() -> None:
    box = box_with(hostname="FGT")
    account(box)
    assert play(login(box), ["admin", "pw"]) == ("FGT login: admin\nPassword: \nWelcome!\n\n", "admin")


@pytest.mark.parametrize(("name", "password"), [("admin", "PW"), ("admin", ""), ("nobody", "pw"), ("nobody", "")])
def test_a_wrong_name_or_password_is_asked_again(name: str, password: str) -> None:
    box = box_with(hostname="FGT")
    account(box)
    screen, who = play(login(box), [name, password, "admin", "pw"])
    assert screen.startswith(f"FGT login: {name}\nPassword: \nLogin incorrect\n\nFGT login: admin\n")
    assert who == "admin"


def test_an_empty_name_is_asked_again_without_a_word() -> None:
    box = box_with(hostname="FGT")
    account(box)
    assert play(login(box), ["", " ", "admin"])[0] == "FGT login: \nFGT login:  \nFGT login: admin\nPassword: "


def test_an_account_without_a_password_has_to_choose_one() -> None:
    box = box_with(hostname="FGT")
    screen, who = play(login(box), ["admin", "", "", "a", "b", "x" * 129, "new", "new"])
    assert screen == (
        "FGT login: admin\nPassword: \n"
        "You are forced to change your password. Please input a new password.\n"
        "New Password: \nThe new password cannot be empty.\n"
        "New Password: \nConfirm Password: \nThe two passwords differ.\n"
        "New Password: \nstring value is too long. the size is 129, the limit is 128\n"
        "New Password: \nConfirm Password: \nWelcome!\n\n"
    )
    assert who == "admin"
    entry = box.cmdb.entry(GLOBAL, ADMIN, "admin")
    assert entry is not None
    assert entry.values["password"].clear == "new"
    assert entry.values["accprofile"] == "super_admin"  # the rest of the account is as it was
    assert play(login(box), ["admin", "", "admin", "new"])[0].count("Login incorrect") == 1


def test_a_password_that_is_due_is_changed_once() -> None:
    box = box_with()
    account(box, password="old", force_password_change="enable")
    assert "forced to change" in play(login(box), ["admin", "old", "new", "new"])[0]
    assert "forced to change" not in play(login(box), ["admin", "new"])[0]


def test_a_password_that_cannot_be_stored_is_told_and_the_old_one_stays() -> None:
    box = box_with(hostname="FGT")
    box.cmdb.journal = Full()
    screen, who = play(login(box), ["admin", "", "new", "new"])
    assert "could not be stored: disk full\nWelcome!" in screen
    assert who == "admin"
    assert isinstance(box.cmdb.value(GLOBAL, ADMIN, "admin", "password"), Secret) is False


def test_an_account_is_locked_after_too_many_failures_and_opened_by_the_clock() -> None:
    box = box_with(hostname="FGT", admin_lockout_threshold=2, admin_lockout_duration=90)
    account(box)
    account(box, "other")
    screen, _ = play(login(box), ["admin", "x", "admin", "y", "admin", "pw"])
    assert screen.count("Login incorrect") == 1
    assert screen.count("Too many failed logins: 'admin' cannot log in for 90 seconds.\n\n") == 2
    assert play(login(box), ["other", "pw"])[1] == "other"
    box.clock.set(box.clock.now() + 89)
    assert "for 1 seconds" in play(login(box), ["admin", "pw"])[0]
    box.clock.set(box.clock.now() + 1)
    assert play(login(box), ["admin", "pw"])[1] == "admin"


def test_a_login_forgets_the_failures_before_it() -> None:
    box = box_with(admin_lockout_threshold=2)
    account(box)
    for _ in range(3):
        assert play(login(box), ["admin", "x", "admin", "pw"])[1] == "admin"


def test_a_clock_that_is_set_back_locks_nobody_for_years() -> None:
    box = box_with(admin_lockout_threshold=1)
    account(box)
    play(login(box), ["admin", "x"])
    box.clock.set(box.clock.now() - 10_000)
    assert play(login(box), ["admin", "pw"])[1] == "admin"


def test_a_remote_account_has_no_password_here() -> None:
    box = box_with()
    account(box, "far", remote_auth="enable")
    assert "Login incorrect" in play(login(box), ["far", "pw"])[0]


# Published examples of the two schemes.
@pytest.mark.parametrize(
    ("enc", "password"),
    [
        ("SH2+n+OiTlautpJQF1NBcMU2H1otOvlAz9g5wzxwHw+4il3Aiixv9oPtKnRgCc=", "a"),
        ("AK1Vd1SCGVtAAT931II/U22WTppAISQkITHOlz0ukIg4nA=", "admin"),
    ],
)
def test_a_password_that_a_real_box_hashed_is_known_again(enc: str, password: str) -> None:
    assert matches(Secret(enc, None), password)
    assert not matches(Secret(enc, None), f"{password}x")


@pytest.mark.parametrize("enc", ["AK1", "SH2!!", "PB2AAAA", "", "SH2AAAA"])
def test_a_hash_that_cannot_be_read_lets_nobody_in(enc: str) -> None:
    assert not matches(Secret(enc, None), "")


def test_a_password_that_cannot_be_checked_is_told_and_locks_nobody() -> None:
    box = box_with(admin_lockout_threshold=1)
    account(box, password=Secret("PB2AAAA", None))
    screen, who = play(login(box), ["admin", "x", "admin", "y"])
    assert screen.count("The password of 'admin' was encrypted by another box") == 2
    assert who is None


def test_control_c_at_a_password_goes_back_to_the_name_and_there_it_ends() -> None:
    box = box_with(hostname="FGT")
    screen, _ = play(login(box), ["admin", CTRL_C, "admin", "", CTRL_C])
    assert screen.count("FGT login: ") == 3
    with pytest.raises(Interrupted):
        play(login(box), [CTRL_C])


def test_banners_stand_around_the_login_and_wait_for_their_key() -> None:
    box = box_with(hostname="FGT", pre_login_banner="enable", post_login_banner="enable")
    account(box)
    screen, who = play(login(box), ["x", "\r", "a", "admin", "pw", "a"])
    before, after = screen.split("FGT login: ")
    assert before.count("(Press 'a' to accept):") == 3
    assert after.startswith("admin\nPassword: \nWelcome!\n\n")
    assert after.endswith("(Press 'a' to accept):a\n\n")
    assert who == "admin"
    shown, _ = play(banners(box), ["a", "a"])
    assert shown.count("(Press 'a' to accept):a") == 2


def test_without_banners_nothing_is_shown() -> None:
    assert play(banners(box_with()), []) == ("", None)


# --- at the terminal ------------------------------------------------------------------------------------------------


PROMPT, LOGIN = "FGT #", "FGT login: "


async def _type(box: Box, pieces: tuple[tuple[str, str], ...], minute: float) -> tuple[int, Session, str]:
    runtime = Runtime(box, hurry.Clock(), LabNetwork(box))
    session, screen, seen = Session(box), io.StringIO(), 0
    output = Vt100_Output(screen, lambda: Size(rows=24, columns=80), term="dumb", enable_cpr=False)
    with create_pipe_input() as keyboard:
        work = asyncio.create_task(interact(runtime, session, input=keyboard, output=output, minute=minute))
        for awaited, keys in pieces:
            async with asyncio.timeout(10):
                while (at := screen.getvalue().find(awaited, seen)) < 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            seen = at + len(awaited)
            await asyncio.sleep(0.05)
            keyboard.send_text(keys)
        status = await asyncio.wait_for(work, 30)
    await runtime.network.close()
    return status, session, screen.getvalue().replace("\r", "")


def type_at(box: Box, *pieces: tuple[str, str], minute: float = 60) -> tuple[int, Session, str]:
    """Type at a box: each text once what it waits for is on the screen."""
    return hurry.run(_type(box, pieces, minute))


def test_an_idle_prompt_times_out_and_asks_for_a_login() -> None:
    box = box_with(hostname="FGT", admintimeout=1)
    account(box)
    status, session, screen = type_at(
        box, (PROMPT, "config system alias\redit left\rset command x\r"), (LOGIN, "admin\r"), ("Password: ", "pw\r"),
        (PROMPT, "exit\r"), minute=1,
    )  # fmt: skip
    assert status == 0
    assert "Timeout\n\nFGT login: admin\nPassword: \nWelcome!\n\n" in screen
    assert "left" not in box.cmdb["system alias"]  # what was not saved is gone
    assert session.left == "exit"


def test_each_key_starts_the_idle_time_anew() -> None:
    box = box_with(hostname="FGT", admintimeout=1)
    _, session, screen = type_at(box, (PROMPT, "g"), *(("", "e") for _ in range(30)), ("", "\x15exit\r"), minute=1)
    assert "Timeout" not in screen
    assert session.left == "exit"


def test_a_running_command_and_a_page_of_help_have_no_idle_time() -> None:
    box = box_with(hostname="FGT", admintimeout=1)
    _, session, screen = type_at(
        box, (PROMPT, "config system global\rset ?"), ("--More--", ""), *(("", "") for _ in range(20)), ("", "q"),
        ("", "\x03end\rexecute ping testrfc7030.com\r"), ("icmp_seq=1", "\x03"), (PROMPT, "exit\r"), minute=0.8,
    )  # fmt: skip
    assert "packets transmitted" in screen
    assert "Timeout" not in screen
    assert session.left == "exit"


def test_the_console_has_an_idle_time_of_its_own_in_seconds() -> None:
    box = box_with(hostname="FGT", admintimeout=480, admin_console_timeout=30)
    assert "Timeout" in type_at(box, (PROMPT, ""), (LOGIN, "\x04"), minute=0.6)[2]


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_control_d_and_control_c_at_the_login_leave_the_program(key: str) -> None:
    box = box_with(hostname="FGT", admintimeout=1)
    status, _, screen = type_at(box, (LOGIN, key), minute=0.2)
    assert status == 0
    assert screen.endswith("FGT login: \n")


def test_who_waits_at_the_prompt_while_the_box_boots_stands_before_the_login() -> None:
    box = box_with(hostname="FGT", cfg_save="revert", cfg_revert_timeout=10)
    account(box)
    box.save()
    status, session, screen = type_at(
        box, (PROMPT, "config system alias\redit left\rend\r"), ("(left) # ", "execute date 2038-01-01\r"),
        (LOGIN, "admin\r"), ("Password: ", "pw\r"), (PROMPT, "exit\r"),
    )  # fmt: skip
    assert "The system is going down NOW !!" in screen
    assert "exit\n\nFGT login: admin\nPassword: \nWelcome!\n\n" in screen
    assert "left" not in box.cmdb["system alias"]
    assert session.left == "exit" and status == 0


def test_a_logout_asks_for_a_login_in_the_same_terminal() -> None:
    box = box_with(hostname="FGT")
    account(box, "second")
    status, session, screen = type_at(
        box, (PROMPT, "config system global\rset vdom-mode multi-vdom\rend\r"), ("(y/n)", "y"), (LOGIN, "second\r"),
        ("Password: ", "pw\r"), (PROMPT, "config global\r"), ("(global) #", "\x04"),
    )  # fmt: skip
    assert "(y/n)y\nexit\n\nFGT login: second\n" in screen
    assert session.administrator == "second"
    assert session.place == "(global) "
    assert status == 0


def test_a_reboot_ends_in_a_login_and_a_shutdown_in_the_end_of_the_program() -> None:
    box = box_with(hostname="FGT")
    account(box)
    status, session, screen = type_at(
        box, (PROMPT, "execute reboot\r"), ("(y/n)", "y"), (LOGIN, "admin\r"), ("Password: ", "pw\r"),
        (PROMPT, "execute shutdown\r"), ("(y/n)", "y"),
    )  # fmt: skip
    assert "\n\nFGT login: admin\nPassword: \nWelcome!\n\n" in screen
    assert session.left == "shutdown"
    assert status == 0


def test_a_banner_has_the_text_that_the_administrator_gave_it() -> None:
    box = box_with(hostname="FGT", pre_login_banner="enable")
    text = "Authorised\nstaff only \u6f22"
    box.cmdb.commit([Put(GLOBAL, BANNERS, "pre_admin-disclaimer-text", Entry({"buffer": f"{text}\n"}))])
    assert play(banners(box), ["a"])[0] == f"{text}\n(Press 'a' to accept):a\n\n"


def test_debug_lines_are_not_printed_at_a_login() -> None:
    box = box_with(hostname="FGT", admintimeout=1)
    _, session, _ = type_at(box, (PROMPT, "diagnose debug enable\r"), (LOGIN, "\x04"), minute=0.6)
    assert not session.debug.enabled


def test_the_rest_of_a_paste_does_not_reach_the_next_administrator() -> None:
    box = box_with(hostname="FGT")
    account(box)
    pasted = "config system global\nset vdom-mode multi-vdom\nend\ny\nconfig global\nget system status\n"
    _, session, screen = type_at(
        box, (PROMPT, f"\x1b[200~{pasted}\x1b[201~"), (LOGIN, "admin\r"), ("Password: ", "pw\r"), (PROMPT, "\x04")
    )
    assert session.place == ""
    assert "Version" not in screen


def test_banners_are_shown_before_the_first_prompt_and_a_return_behind_the_key_does_no_harm() -> None:
    box = box_with(hostname="FGT", pre_login_banner="enable", post_login_banner="enable")
    accept = "(Press 'a' to accept):"
    status, session, screen = type_at(box, (accept, "a\r"), (accept, "a\r"), (PROMPT, "exit\r"))
    assert screen.index(f"{accept}a\n") < screen.index(PROMPT)
    assert status == 0
    assert session.left == "exit"


def test_control_c_at_a_banner_leaves_the_program() -> None:
    box = box_with(hostname="FGT", pre_login_banner="enable")
    status, _, screen = type_at(box, ("accept):", "\x03"))
    assert status == 0
    assert PROMPT not in screen
