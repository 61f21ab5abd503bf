"""What does not fit is refused at start, in one line: databases of another version, another key-encryption key."""

import psycopg
import pytest

from api.composition import connected
from infra.databases import Databases
from infra.encryption_keys.key_file import KeyFileError
from infra.migrations import MigrationError
from infra.settings import Settings


def test_a_key_encryption_key_other_than_the_first_is_refused(databases: Databases, settings: Settings) -> None:
    other = settings.model_copy(update={"key_encryption_key": "A" * 43 + "="})
    with pytest.raises(KeyFileError, match="begun with"), connected(other, databases):
        pass


@pytest.mark.parametrize("which", ["owner", "keys_owner"])
def test_a_database_that_lacks_a_migration_is_refused_with_the_remedy(
    databases: Databases, settings: Settings, which: str
) -> None:
    with psycopg.connect(getattr(databases, which)) as owner:
        owner.execute("DROP TABLE public.migrations")
    with pytest.raises(MigrationError, match="run `asset-ledger migrate`"), connected(settings, databases):
        pass
