"""Settings, all from the environment. Without any, the ledger runs on a PostgreSQL of its own."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.embedded import default_data_dir
from infra.keys.key_file import key_from_file, key_from_setting


class SettingsError(Exception):
    """A setting is missing or does not fit. Says which, and what to do."""


class Settings(BaseSettings):
    """Every setting. The environment variable is the name in capitals after `ASSET_LEDGER_`."""

    model_config = SettingsConfigDict(env_prefix="ASSET_LEDGER_", frozen=True)

    data: Path = Field(
        default_factory=default_data_dir, description="Where the embedded PostgreSQL and the key file live."
    )
    database_url: str | None = Field(
        default=None,
        description="The log's database, as the service's role. Absent: an embedded PostgreSQL is started.",
    )
    projector_database_url: str | None = Field(
        default=None, description="The log's database, as the role that keeps read models up to date."
    )
    owner_database_url: str | None = Field(
        default=None, description="The log's database, as its owner: for `migrate` only."
    )
    keys_database_url: str | None = Field(
        default=None, description="The database of the keys that seal personal data, as the service's role."
    )
    keys_owner_database_url: str | None = Field(
        default=None, description="The database of the keys, as its owner: for `migrate` only."
    )
    key_encryption_key: str | None = Field(
        default=None, description="The key that wraps all keys: 32 bytes in base64. Before the file below."
    )
    key_encryption_key_file: Path | None = Field(
        default=None, description="A file with that key, readable by its owner alone. Default: `DATA/keys/kek`."
    )
    pool_size: int = Field(default=16, ge=1, description="The most connections a process opens as one role.")
    prepared_statements: bool = Field(default=True, description="Set to false behind a pooler in transaction mode.")
    follow: bool = Field(default=True, description="Whether `serve` keeps read models up to date itself.")

    @property
    def embedded(self) -> bool:
        """Whether the ledger starts a PostgreSQL of its own."""
        return self.database_url is None

    def kek(self) -> bytes:
        """The key-encryption key. KeyFileError if there is none that can be used."""
        if self.key_encryption_key is not None:
            return key_from_setting(self.key_encryption_key)
        given = self.key_encryption_key_file
        return key_from_file(given or self.data / "keys" / "kek", create=self.embedded and given is None)
