"""Logging: for people on a terminal, as lines of JSON elsewhere; never with the values of variables."""

import logging
import sys

import orjson
import structlog


def configure(level: int = logging.INFO) -> None:
    """Log to standard error from this level on, one line per log event."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_READABLE if terminal else _JSON),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr)
        if terminal
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
    )


_READABLE = (structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),)
_JSON = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer(orjson.dumps))
