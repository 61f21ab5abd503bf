"""Settings, all from the environment. Without any, the ledger runs on a PostgreSQL of its own."""

from pathlib import Path

from pydantic import Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.embedded_postgres.cluster import default_data_dir
from infra.encryption_keys.key_file import key_from_file, key_from_setting


class SettingsError(Exception):
    """A setting is missing or invalid. The message names the setting and the remedy."""


class Settings(BaseSettings):
    """Every setting. The environment variable is the name in capitals after `ASSET_LEDGER_`."""

    model_config = SettingsConfigDict(env_prefix="ASSET_LEDGER_", frozen=True, use_attribute_docstrings=True)

    data: Path = Field(default_factory=default_data_dir)
    """The directory of the embedded PostgreSQL, the key file and the content."""
    database_url: str | None = None
    """URL of the log's database, with the service's role. Absent: an embedded PostgreSQL is started."""
    projector_database_url: str | None = None
    """URL of the log's database, with the projector's role, which keeps read models up to date."""
    owner_database_url: str | None = None
    """URL of the log's database, with its owner's role. Used by `migrate` only."""
    keys_database_url: str | None = None
    """URL of the database of sealing keys, with the service's role."""
    keys_owner_database_url: str | None = None
    """URL of the database of sealing keys, with its owner's role. Used by `migrate` only."""
    key_encryption_key: str | None = None
    """The key that wraps all sealing keys: 32 bytes in base64. It takes precedence over the file below."""
    key_encryption_key_file: Path | None = None
    """A file with the key-encryption key, readable by its owner alone. Default: `DATA/keys/kek`."""
    content_store: str | None = None
    """Where content is stored: `file:///directory` or `s3://bucket/prefix`. Default: `DATA/content`."""
    s3_endpoint: str = "s3.amazonaws.com"
    """The S3 server, as `host` or `host:port`."""
    s3_region: str = "us-east-1"
    """The bucket's region."""
    s3_access_key: str | None = None
    """The access key for the S3 server."""
    s3_secret_key: SecretStr | None = None
    """The secret key that belongs to the access key."""
    s3_tls: bool = True
    """Whether to connect to the S3 server over TLS."""
    s3_path_style: bool = True
    """Whether URLs have the bucket in the path instead of in the host name."""
    public_url: str = ""
    """The base URL of the ledger as callers see it, such as `https://ledger.example.org`. Signed URLs of a directory
    store begin with it. Required behind a proxy. Absent: the address that the connection reached. The Host header is
    never used."""
    content_most: int = Field(default=20 * 2**30, ge=1)
    """The maximum size of one content, in bytes."""
    content_types: tuple[str, ...] = ()
    """Accepted media types, by prefix, such as `["image/", "video/"]`. Absent: all."""
    fetched_networks: tuple[IPvAnyNetwork, ...] = ()
    """Private networks that `from-urls` may fetch from, such as `["10.7.0.0/16"]`. Public addresses are always
    allowed."""
    url_seconds: int = Field(default=900, ge=1, le=604_800)
    """Seconds for which a signed URL is valid."""
    upload_seconds: int = Field(default=86_400, ge=1)
    """Seconds after which an upload that was not completed is removed."""
    idle_seconds: float = Field(default=30, gt=0)
    """Seconds without a byte after which an upload is aborted. Each MiB must arrive within ten times as long."""
    retention_days: float = Field(default=30, ge=0, le=365_000)
    """Days for which content of deleted assets and superseded content are kept before they are purged."""
    pool_size: int = Field(default=16, ge=1)
    """The maximum number of database connections a process opens for each role."""
    list_seconds: float = Field(default=10, ge=0.001, le=3_600)
    """Seconds after which a list, a total, statistics or a step of a lineage is aborted with 503. Lists use at most
    half of the connections."""
    prepared_statements: bool = True
    """Whether to use prepared statements. Set to false behind a pooler in transaction mode."""
    resend_seconds: float = Field(default=60, gt=0)
    """Seconds for which an append is sent again after its connection was lost. Then the answer is 503
    `outcome-unknown`. Choose more than a failover of the database takes."""
    follow: bool = True
    """Whether `serve` keeps read models up to date itself."""

    @property
    def embedded(self) -> bool:
        """Whether the ledger starts a PostgreSQL of its own."""
        return self.database_url is None

    @property
    def content_url(self) -> str:
        """Where content is stored."""
        return self.content_store or (self.data / "content").absolute().as_uri()

    def kek(self) -> bytes:
        """The key-encryption key. KeyFileError if there is none that can be used."""
        if self.key_encryption_key is not None:
            return key_from_setting(self.key_encryption_key)
        key_file = self.key_encryption_key_file
        return key_from_file(key_file or self.data / "keys" / "kek", create=self.embedded and key_file is None)
