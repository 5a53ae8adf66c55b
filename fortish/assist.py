"""What `--assist` adds to the prompt for a learner: a menu of what may follow, colours, and a status line.

Everything is asked of completion, of the grammar's own words and of the session; nothing is known here about tables or
commands. Values never reach the status line: only names, so that no secret can.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, completion_is_selected, has_completions, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Window
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from fortish import completion
from fortish.cmdb.frame import Frame
from fortish.console import width
from fortish.messages import Text
from fortish.parse import BLANK, complete_word, spans
from fortish.quoting import open_quote, unquote
from fortish.session import Session

REFRESH = 5.0  # seconds between two looks at the clock and at other consoles' doings
LONGEST = 2000  # characters of a line that are still coloured
ROWS = 8  # of the menu at most
LOWEST = 4  # rows of a terminal that has a status line
MOST = 200  # words in the menu at most: a table may have thousands
PIPE = "|"

# Sorted.
# fmt: off
STYLE = Style([
    ("fortish.comment", "ansibrightblack"),
    ("fortish.error",   "ansired underline"),
    ("fortish.name",    "ansicyan"),
    ("fortish.number",  "ansimagenta"),
    ("fortish.pipe",    "ansiyellow"),
    ("fortish.string",  "ansigreen"),
    ("fortish.verb",    "ansiblue bold"),
    ("status",          "reverse"),
])
PLAIN = Style([
    ("fortish.error", "underline"),
    ("fortish.verb",  "bold"),
    ("status",        "reverse"),
])
# fmt: on


def options(session: Session, before: Callable[[str], str]) -> dict[str, Any]:
    """What a `PromptSession` is given besides. `before` gives all of an unfinished line left of the cursor."""
    colourless = bool(os.environ.get("NO_COLOR"))
    return {
        "color_depth": ColorDepth.DEPTH_1_BIT if colourless else None,
        "completer": Menu(session, before),
        "complete_while_typing": True,
        "lexer": Colours(session, before),
        "refresh_interval": REFRESH,
        "style": PLAIN if colourless else STYLE,
    }


def furnish(prompt: PromptSession[str], session: Session, size: Callable[[], tuple[int, int]]) -> None:
    """Put the status line below everything, and keep rows free for the menu. `size` gives rows and columns.

    prompt_toolkit's own toolbar is shown only once the terminal has told where its cursor is, which ours is not asked.
    """
    stand_below(prompt, partial(status_line, session), size)

    def measure(_: object) -> None:
        prompt.reserve_space_for_menu = room(size()[0])

    prompt.app.before_render += measure


def stand_below(prompt: PromptSession[str], status: Callable[[int], str], size: Callable[[], tuple[int, int]]) -> None:
    """Put a text below everything: `status` gives it for so many columns, in one line or several."""

    def height() -> int:
        return status(size()[1]).count("\n") + 1

    control = FormattedTextControl(lambda: status(size()[1]))
    window = Window(control, height=height, dont_extend_height=True, style="class:status")
    roomy = Condition(lambda: size()[0] >= LOWEST)
    root = prompt.layout.container
    assert isinstance(root, HSplit)
    root.children.append(ConditionalContainer(window, roomy & ~is_done))


def room(rows: int) -> int:
    """How many rows to keep free below the prompt for the menu, on a terminal of so many."""
    return max(0, min(ROWS, max(3, rows // 3), rows - LOWEST))


# --- the menu -------------------------------------------------------------------------------------------------------


class Menu(Completer):
    """What may stand at the cursor, with its help; what stands for a value, and the end of the line, insert nothing."""

    def __init__(self, session: Session, before: Callable[[str], str]) -> None:
        self._session, self._before = session, before

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The candidates: first what can be inserted."""
        text = document.text_before_cursor
        help_ = completion.candidates(self._session, self._before(text), pipes=True)
        if not text.endswith(help_.partial):
            return  # the word began on a line that is entered already
        stays, words = completion.replacements(help_, text)
        typed = dict(zip((word for word in help_.candidates.literals() if word != PIPE), words, strict=True))
        offered = list(islice(help_.candidates, MOST))
        for one in offered:
            if one.literal and one.word in typed:
                shown = f"*{one.word}" if one.mandatory else one.word
                yield Completion(typed[one.word], len(stays) - len(text), display=shown, display_meta=one.help)
        for one in offered if not help_.partial else ():
            if not one.literal or one.word == PIPE:
                shown = Text.HELP_OPTIONAL(word=one.word) if one.optional else one.word
                yield Completion("", display=shown, display_meta=one.help)
        if help_.enter and offered and not any(one.optional for one in offered):
            yield Completion("", display=Text.HELP_ENTER().strip())


def bindings() -> KeyBindings:
    """Keys of the menu: Tab walks through it, Enter takes the chosen word, Escape closes it."""
    keys = KeyBindings()

    @Condition
    def chosen() -> bool:
        state = get_app().current_buffer.complete_state
        return state is not None and state.current_completion is not None and bool(state.current_completion.text)

    @keys.add(Keys.Tab)
    def forward(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.complete_next()
            return
        found = buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True))
        words = [offered for offered in found if offered.text]
        if len(words) == 1:
            buffer.apply_completion(words[0])
            buffer.insert_text(" ")
        elif buffer.complete_state:
            buffer.complete_next()
        else:
            buffer.start_completion(select_first=True)

    @keys.add(Keys.BackTab)
    def backward(event: KeyPressEvent) -> None:
        event.current_buffer.complete_previous()

    @keys.add(Keys.ControlM, filter=completion_is_selected & chosen)
    def take(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None
        event.current_buffer.insert_text(" ")

    @keys.add(Keys.Escape, filter=has_completions, eager=True)
    def close(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    return keys


# --- colours --------------------------------------------------------------------------------------------------------


class Colours(Lexer):
    """The words of the line, each by what it is where it stands."""

    def __init__(self, session: Session, before: Callable[[str], str]) -> None:
        self._session, self._before = session, before

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured line."""
        text = self._before(document.text)
        earlier = len(text) - len(document.text)
        line = _from(coloured(self._session, text), earlier)
        return lambda number: line if number == 0 else []


def _from(pieces: StyleAndTextTuples, start: int) -> StyleAndTextTuples:
    """The pieces from a character on."""
    kept: StyleAndTextTuples = []
    for style, text, *_ in pieces:
        kept.append((style, text[start:]))
        start = max(0, start - len(text))
    return [piece for piece in kept if piece[1]]


def coloured(session: Session, text: str) -> StyleAndTextTuples:
    """A line in pieces with their style; behind a word that leads nowhere nothing is coloured."""
    if text.lstrip(BLANK).startswith("#"):
        return [("class:fortish.comment", text)]
    if len(text) > LONGEST:
        return [("", text)]
    pieces: StyleAndTextTuples = []
    at = 0
    for first, (start, end) in enumerate(spans(text)):
        style = _style(session, text[:end], text[start:end], verb=first == 0)
        pieces += [("", text[at:start]), (f"class:fortish.{style}" if style else "", text[start:end])]
        at = end
        if style == "error":
            break
    return [piece for piece in [*pieces, ("", text[at:])] if piece[1]]


def _style(session: Session, text: str, word: str, *, verb: bool) -> str:
    """The style of the last word of a text."""
    help_ = completion.candidates(session, text, pipes=True)
    if help_.error is not None:
        return "error"
    if word.startswith(PIPE) and help_.partial == word[1:]:
        return "pipe"  # completion has gone past it
    still = open_quote(word)
    typed = unquote(word + still if still in ('"', "'") else word)
    literals = help_.candidates.literals()
    if len(complete_word(typed, literals)) == 1:
        return "verb" if verb else "name"
    if verb or len(literals) == len(help_.candidates):
        return ""  # the start of several
    return "string" if word[0] in "\"'" else "number" if word.isdecimal() else ""


# --- the status line ------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One part of the status line: in full, and shorter."""

    full: str
    short: str


GAP = " | "


def status_line(session: Session, columns: int) -> str:
    """Where one stands, what is not saved, what is debugged; the parts are shortened until they fit."""
    parts = [
        part
        for part in (_scope(session), _path(session), _unsaved(session), _transaction(session), _debug(session))
        if part.full
    ]
    texts = [part.full for part in parts]
    for place in sorted(range(len(parts)), key=lambda place: -len(parts[place].full)):
        if _columns(GAP.join(texts)) + 1 > columns:
            texts[place] = parts[place].short
    return " " + GAP.join(text for text in texts if text)


def _columns(text: str) -> int:
    return sum(map(width, text))


def _scope(session: Session) -> Part:
    editor = session.editor
    if not editor.cmdb.multi:
        return Part(f"vdom {session.vdom}", "")
    names = {"global": "global", "vdom": f"vdom {session.vdom}", "vdoms": "list of VDOMs", "multi": "no VDOM entered"}
    name = names.get(editor.place_kind, editor.place_kind)
    return Part(name, name)


def _path(session: Session) -> Part:
    frames = session.editor.frames
    if not frames:
        return Part("root prompt", "root")
    parents: list[Frame | None] = [None, *frames[:-1]]
    steps = [_step(frame, parent) for frame, parent in zip(frames, parents, strict=True)]
    return Part(" > ".join(steps), frames[-1].name)


def _step(frame: Frame, parent: Frame | None) -> str:
    """The line that led into a frame."""
    if frame.kind == "entry" and parent is not None and parent.kind == "table":
        return f"edit {frame.name}"
    return f"config {' '.join(frame.table.shown) if parent is None else frame.table.path[-1]}"


def _unsaved(session: Session) -> Part:
    """The names of what was touched and not saved, never a value."""
    copies = [frame.working for frame in session.editor.frames if frame.working is not None]
    names = [name for copy in copies for name in copy.touched]
    names += [name for copy in copies for name, rows in copy.children.items() if rows.touched]
    if not names:
        return Part("", "")
    names = sorted(set(names))
    return Part(f"unsaved: {', '.join(names)}", f"{len(names)} unsaved")


def _transaction(session: Session) -> Part:
    one = session.transaction
    if one is None:
        return Part("", "")
    return Part(f"{Text.TRANSACTION_NAME(id=one.id)}, {len(one.locked)} locked", f"transaction {one.id}")


def _debug(session: Session) -> Part:
    debug, now = session.box.debug, session.box.clock.now()
    levels = [f"{daemon} {level}" for daemon in sorted(debug.levels) if (level := debug.level(daemon, now))]
    if not levels:
        return Part("", "")
    left = debug.left(now)
    time = "no end" if left is None else f"{left} min"
    where = "shown here" if session.debug.enabled else "not shown here"
    return Part(f"debug {', '.join(levels)}, {time}, {where}", f"debug {time}{'' if session.debug.enabled else ' off'}")
