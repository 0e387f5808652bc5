"""What commands that ask before they write have in common: the typed phrase, and how they end."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def is_typed(phrase: str) -> bool:
    """Return whether the next line of standard input, a terminal or a pipe, is exactly PHRASE."""
    try:
        given = sys.stdin.readline()
    except (OSError, ValueError, UnicodeDecodeError):
        return False
    return given.rstrip("\r\n") == phrase


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does; only the main thread hears of signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM end the block, which is short and puts things right."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
