"""What goes wrong with an S3 server, as errors of a store."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from infra.content.store import ObjectNotFoundError, PartsRefusedError, StoreUnavailableError

_MISSING = {"NoSuchKey", "NoSuchUpload", "NoSuchVersion"}
_REFUSED = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"}
UNSUPPORTED = {"NotImplemented", "MethodNotAllowed"}
"""Codes of servers that do not do what S3 does."""


@contextmanager
def answering() -> Iterator[None]:
    """What goes wrong with the server becomes an error of the store."""
    try:
        yield
    except MinioException as error:
        code = code_of(error)
        if code in _MISSING:
            raise ObjectNotFoundError from error
        if code in _REFUSED:
            raise PartsRefusedError from error
        raise StoreUnavailableError(f"The content store refused: {code}.") from error
    except (HTTPError, OSError, ParseError) as error:
        raise StoreUnavailableError(f"The content store does not answer: {type(error).__name__}.") from error


def code_of(error: BaseException | None) -> str:
    """The code of an error that a server answered. The client does not look into those sent as `text/xml`."""
    if isinstance(error, S3Error) and error.code:
        return error.code
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    return code[1] if code else type(error).__name__
