"""The store of a service: what is in it, and how it is put out of order."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from api.application.content.reconciliation import YOUNG, Reconciliation
from api.composition import Services
from api.workers.worker import own_session
from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.store import ContentStore
from infra.content.upload_table import landing_key
from tests.conftest import Client


def objects(services: Services, client: Client) -> list[str]:
    """The keys of all that the store has of the client's tenant."""
    places = (f"{client.tenant_id}/", landing_key(f"{client.tenant_id}/"))
    return [key for place in places for key, _ in services.store.objects(place)]


def later(services: Services, tenant_id: UUID) -> Reconciliation:
    """Comparisons of one tenant, at a time when whatever is in the store is old."""
    return Reconciliation(own_session(services, tenant_id), young=-YOUNG)


@contextmanager
def store_down(store: ContentStore, client: Client) -> Iterator[None]:
    """The store refuses to change anything of the tenant."""
    if isinstance(store, S3Store):
        with pytest.MonkeyPatch.context() as patched:
            for each in (store, store._multipart):
                patched.setattr(each, "_bucket", "not-there")
            yield
    else:
        with folder_down(store, str(client.tenant_id)):
            yield


@contextmanager
def folder_down(store: ContentStore, key: str) -> Iterator[None]:
    """A directory refuses to change anything below a key."""
    assert isinstance(store, DirectoryStore)
    folder = store._objects / key
    away = folder.with_name(f"{folder.name}.away")
    folder.rename(away)
    folder.symlink_to(folder)  # a loop: whatever looks there fails
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)
