"""Settings, all from the environment. Without any, the ledger runs on a PostgreSQL of its own."""

from pathlib import Path

from pydantic import Field, IPvAnyNetwork, SecretStr
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
    content_store: str | None = Field(
        default=None,
        description="Where content is stored: `file:///directory` or `s3://bucket/prefix`. Default: `DATA/content`.",
    )
    s3_endpoint: str = Field(default="s3.amazonaws.com", description="The S3 server, as `host` or `host:port`.")
    s3_region: str = Field(default="us-east-1", description="The bucket's region.")
    s3_access_key: str | None = Field(default=None, description="The access key of the content store in S3.")
    s3_secret_key: SecretStr | None = Field(default=None, description="The secret key that belongs to it.")
    s3_tls: bool = Field(default=True, description="Whether the S3 server is spoken to over TLS.")
    s3_path_style: bool = Field(default=True, description="Whether the bucket is in the path instead of the host name.")
    public_url: str = Field(
        default="",
        description="Where callers reach the ledger, such as `https://ledger.example.org`, for signed URLs of a "
        "directory. Needed behind a proxy. Absent: the address that their connection reached. The Host header is never "
        "trusted.",
    )
    content_most: int = Field(default=20 * 2**30, ge=1, description="The most bytes one content may have.")
    content_types: tuple[str, ...] = Field(
        default=(), description='How media types that are taken begin, such as `["image/", "video/"]`. Absent: any.'
    )
    fetched_networks: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='Networks that `from-urls` may fetch from, besides the public internet, such as `["10.7.0.0/16"]`.',
    )
    url_seconds: int = Field(default=900, ge=1, le=604_800, description="For how long signed URLs are good.")
    upload_seconds: int = Field(
        default=86_400, ge=1, description="After how long an upload that was not finished is removed."
    )
    idle_seconds: float = Field(
        default=30,
        gt=0,
        description="After how long without a byte content that is being sent is given up; in ten times as long, a "
        "mebibyte has to arrive.",
    )
    retention_days: float = Field(
        default=30,
        ge=0,
        le=365_000,
        description="How long the content of deleted assets, and content that newer content has taken the place of, "
        "is kept before it is purged.",
    )
    pool_size: int = Field(default=16, ge=1, description="The most connections a process opens as one role.")
    list_seconds: float = Field(
        default=10,
        ge=0.001,
        le=3_600,
        description="Seconds after which a list, a total or a page of the audit trail is given up with 503. Lists hold "
        "at most half of the connections.",
    )
    prepared_statements: bool = Field(default=True, description="Set to false behind a pooler in transaction mode.")
    resend_seconds: float = Field(
        default=60,
        gt=0,
        description="For how long an append whose connection was lost is sent again, before its outcome is told to be "
        "unknown: longer than a failover of the database takes.",
    )
    follow: bool = Field(default=True, description="Whether `serve` keeps read models up to date itself.")

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
        given = self.key_encryption_key_file
        return key_from_file(given or self.data / "keys" / "kek", create=self.embedded and given is None)
