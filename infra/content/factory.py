"""Which content store a URL names."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.s3_client import connect
from infra.content.signed_urls import UrlSigner
from infra.content.store import ContentStore

FORMS = "name the content store as file:///directory or s3://bucket/prefix"


def open_store(
    url: str,
    *,
    signer: UrlSigner,
    clock: Callable[[], datetime],
    endpoint: str = "s3.amazonaws.com",
    region: str = "us-east-1",
    access_key: str | None = None,
    secret_key: str | None = None,
    tls: bool = True,
    path_style: bool = True,
) -> ContentStore:
    """The store, which is first used when it is called. The signer is the directory's; the clock says
    from when on signed URLs are good; the others are for S3.

    Raises ValueError for a URL of another form, and for S3 without keys.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError(FORMS)
    path = Path(unquote(parts.path))
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and path.is_absolute():
        return DirectoryStore(path, signer, clock)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(FORMS)
    if not access_key or not secret_key:
        raise ValueError("a content store in S3 needs an access key and a secret key")
    client = connect(
        endpoint, region=region, access_key=access_key, secret_key=secret_key, tls=tls, path_style=path_style
    )
    return S3Store(client, parts.netloc, parts.path.strip("/"), clock)
