"""What a process has of its own must not be used by the processes forked from it."""

import os
from collections.abc import Callable
from weakref import WeakMethod


def after_fork(reset: Callable[[], None]) -> None:
    """Call the bound method in every process forked from now on, for as long as its object lives."""
    weak = WeakMethod(reset)

    def in_child() -> None:
        if method := weak():
            method()

    os.register_at_fork(after_in_child=in_child)
