"""What the keys of the box do while a line is edited: `?` lists, Tab cycles, a paste of many lines is taken apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from fortish.history import as_text
from fortish.quoting import open_quote
from fortish.session import Session


def put(buffer: Buffer, typed: str) -> None:
    """Let `typed` stand left of the cursor; what is right of it stays."""
    if typed != buffer.document.text_before_cursor:
        buffer.delete_before_cursor(buffer.cursor_position)
        buffer.insert_text(typed)


class LineKeys:
    """Those keys for one administrator.

    `before` gives all of an unfinished line left of the cursor, `help_` lists what may follow, `pasted` is where the
    lines behind the first of a paste wait, the last one without an end. With `pipes` what is behind `|` is completed.
    """

    def __init__(
        self,
        session: Session,
        before: Callable[[str], str],
        help_: Callable[[Buffer], None],
        pasted: deque[str],
        pipes: bool,
    ) -> None:
        self._session, self._before, self._help = session, before, help_
        self._pasted, self._pipes = pasted, pipes
        self._cycle: tuple[str, list[str], int, str] = ("", [], 0, "")

    def bindings(self) -> KeyBindings:
        """The keys for a line editor."""
        keys = KeyBindings()
        for key, action in (
            ("?", self._question_mark),
            (Keys.Tab, self._tab),
            (Keys.BackTab, self._tab_back),
            (Keys.BracketedPaste, self._paste),
        ):
            keys.add(key)(action)

        @keys.add(Keys.ControlV, Keys.Any)
        def literally(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text(event.key_sequence[-1].data)

        return keys

    def _question_mark(self, event: KeyPressEvent) -> None:
        if open_quote(self._before(event.current_buffer.document.text_before_cursor)) is not None:
            event.current_buffer.insert_text("?")
            return
        self._help(event.current_buffer)

    def _tab(self, event: KeyPressEvent) -> None:
        self._turn(event, 1)

    def _tab_back(self, event: KeyPressEvent) -> None:
        self._turn(event, -1)

    def _turn(self, event: KeyPressEvent, by: int) -> None:
        """Put the next match in place of the unfinished word; no list."""
        from fortish import completion

        buffer = event.current_buffer
        typed = buffer.document.text_before_cursor
        stem, words, at, shown = self._cycle
        help_: completion.Help | None = None
        if not words or typed != shown:
            help_ = completion.candidates(self._session, self._before(typed), pipes=self._pipes)
            stem, words = completion.replacements(help_, typed)
            at = words.index(typed[len(stem) :]) if typed[len(stem) :] in words else -1 if by > 0 else 0
        if not words:
            if help_ is not None and help_.error is not None:  # the box says where the line goes wrong, as for `?`
                self._help(buffer)
            return
        at = (at + by) % len(words)
        shown = stem + words[at]
        put(buffer, shown)
        self._cycle = (stem, words, at, shown)
        if len(words) == 1:
            buffer.insert_text(" ")
            self._cycle = ("", [], 0, "")

    def _paste(self, event: KeyPressEvent) -> None:
        """A paste of many lines: the first ends the line being edited, the others have their turn one by one."""
        first, *others = as_text(event.data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        buffer = event.current_buffer
        if not others:
            buffer.insert_text(first)
            return
        behind = buffer.document.text_after_cursor
        buffer.delete(len(behind))
        buffer.insert_text(first)
        self._pasted.extendleft(reversed([*others[:-1], others[-1] + behind]))
        buffer.validate_and_handle()
