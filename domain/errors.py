"""What the domain refuses. A docstring is the default message; which HTTP status it becomes is decided in `api`."""


class LedgerError(Exception):
    """The ledger refused."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class AssetNotFoundError(LedgerError):
    """There is no such asset."""


class AssetDeletedError(LedgerError):
    """The asset is deleted. Restore it first."""


class OriginIsPermanentError(LedgerError):
    """The reference says what made the asset, or what it belongs to, and cannot be unlinked."""


class HoldNotFoundError(LedgerError):
    """The asset is under no such hold."""


class KeyNotFoundError(LedgerError):
    """The tenant has no such key."""


class TenantExistsError(LedgerError):
    """A tenant of this name exists already."""


class TenantNotFoundError(LedgerError):
    """There is no such tenant."""


class StaleRevisionError(LedgerError):
    """The asset has changed since the revision named in If-Match. Read it again."""


class TooManyConflictsError(LedgerError):
    """Others kept writing at the same moment. Nothing was written; try again."""


class EntryTooLargeError(LedgerError):
    """The event would be larger than the 65,535 bytes that one entry of the log may have."""


class DocumentsTooLargeError(LedgerError):
    """The free documents (metadata, prompt_spec) together exceed 40 KiB."""


class BeyondHeadError(LedgerError):
    """The position lies beyond the head of the log."""


class UnknownTopicError(LedgerError):
    """No event has this topic in this version of the software."""


class KeyUnavailableError(LedgerError):
    """A key that opens personal data cannot be had right now."""


class ClockAheadError(LedgerError):
    """This server's clock runs more than 5 seconds ahead of the database's. Nothing was written."""


class CorruptEntryError(LedgerError):
    """A stored entry is not what was written: its bytes disagree with its columns or with their seal."""


class ServiceUnavailableError(LedgerError):
    """The ledger cannot answer right now. Try again."""


class ProjectionLagError(ServiceUnavailableError):
    """The read model has not reached the asked position yet. Try again."""
