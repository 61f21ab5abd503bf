"""What the domain refuses. A docstring is the default message; which HTTP status it becomes is decided in `api`."""


class LedgerError(Exception):
    """The ledger refused."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class AssetNotFoundError(LedgerError):
    """There is no such asset."""


class AssetDeletedError(LedgerError):
    """The asset is deleted. Restore it first."""


class ContentNotFoundError(LedgerError):
    """The asset has no such content."""


class ContentMissingError(LedgerError):
    """The content is recorded, but its object is gone from the store."""


class ContentPurgedError(LedgerError):
    """The content was purged: its bytes are gone for good."""


class ContentHeldError(LedgerError):
    """The asset is under a legal hold: its content may not be purged."""


class ContentInUseError(LedgerError):
    """This is the content of a live asset. Delete the asset first."""


class ContentBeingPurgedError(LedgerError):
    """The asset's content is being purged: it is too late to keep it. Wait until it is gone."""


class FilterMissingError(LedgerError):
    """Say which assets: to leave out every filter does not mean all of them."""


class FilterTooWideError(LedgerError):
    """The filter finds more assets than are taken at once. Narrow it."""


class ContentMismatchError(LedgerError):
    """The bytes that arrived are not those that were announced."""


class ContentTooLargeError(LedgerError):
    """The content is larger than this service takes."""


class ContentTypeRefusedError(LedgerError):
    """This service does not take content of this media type."""


class UploadNotFoundError(LedgerError):
    """There is no such upload under way: it was never begun, is done, was aborted, or has expired."""


class OriginIsPermanentError(LedgerError):
    """The reference says what made the asset, or what it belongs to, and cannot be unlinked."""


class TooManyReferencesError(LedgerError):
    """An asset has at most 10,000 links. Unlink what is no longer needed."""


class TooManyHoldsError(LedgerError):
    """An asset is under at most 1,000 legal holds at once."""


class JobNotFoundError(LedgerError):
    """There is no such job."""


class IllegalTransitionError(LedgerError):
    """The job's status does not allow this."""


class WrongAttemptError(LedgerError):
    """Another attempt of the job is under way: a worker that lost its lease cannot finish the next one."""


class LeaseLostError(LedgerError):
    """The attempt's lease has run out, or it never had one. Stop working on it."""


class OtherCompletionError(LedgerError):
    """The job has succeeded already, with other assets."""


class ForeignAssetError(LedgerError):
    """An asset of a completion must have the job's media kind and scope."""


class OtherRequestError(LedgerError):
    """The Idempotency-Key belongs to another request, with another body. Nothing was written."""


class KeyOfDeletedAssetError(LedgerError):
    """The asset that the Idempotency-Key made is deleted. Restore it, or use another key."""


class MissingReferenceError(LedgerError):
    """The tenant's policy requires a reference of a kind that is not given."""


class TagNotAllowedError(LedgerError):
    """The tenant's policy does not allow one of the tags on this kind of media."""


class ReferenceNotDeclaredError(LedgerError):
    """The tenant's policy takes only declared references of this kind, and this one is not declared."""


class ForeignReferenceError(LedgerError):
    """A reference was declared with another scope than what it is used for."""


class OtherScopeError(LedgerError):
    """The reference was declared before, with another scope."""


class HoldNotFoundError(LedgerError):
    """The asset is under no such hold."""


class KeyNotFoundError(LedgerError):
    """The tenant has no such key."""


class TenantExistsError(LedgerError):
    """A tenant of this name exists already."""


class TenantNotFoundError(LedgerError):
    """There is no such tenant."""


class StaleRevisionError(LedgerError):
    """What the request changes has changed since the revision named in If-Match. Read it again."""


class TooManyConflictsError(LedgerError):
    """Others kept writing at the same moment. Nothing was written; try again."""


class EntryTooLargeError(LedgerError):
    """The event would be larger than the 65,535 bytes that one entry of the log may have."""


class MalformedEntryError(LedgerError):
    """An event was to be appended whose bytes are not what the columns beside them say. Nothing was appended."""


class DocumentTooLargeError(LedgerError):
    """A free document (metadata, prompt_spec, snapshot) has more than 1 MiB of JSON."""


class BeyondHeadError(LedgerError):
    """The position lies beyond the head of the log."""


class UnknownTopicError(LedgerError):
    """The log holds an event of a newer version of the software."""


class ReservedActorError(LedgerError):
    """system:ledger is the ledger itself: nobody else acts under this name."""


class KeyUnavailableError(LedgerError):
    """A key that opens personal data cannot be had right now."""


class ClockApartError(LedgerError):
    """This server's clock and another one are too far apart to decide by them. Nothing was written or removed."""


class ClockAheadError(ClockApartError):
    """This server's clock runs more than 5 seconds ahead of the database's. Nothing was written."""


class ClockBehindError(ClockApartError):
    """This server's clock runs more than 5 seconds behind the database's. Nothing was written."""


class CorruptEntryError(LedgerError):
    """A stored entry is not what was written: its bytes disagree with their place or with their seal."""


class ServiceUnavailableError(LedgerError):
    """The ledger cannot answer right now. Try again."""


class ShareUsedUpError(LedgerError):
    """As many requests are under way as one tenant, one key or one URL may have at once. Try again."""


class QueueFullError(ServiceUnavailableError):
    """Too many appends are waiting. Nothing was recorded; try again."""


class LogBusyError(ServiceUnavailableError):
    """Somebody else keeps the tenant's log locked. Nothing was recorded; try again."""


class TenantBusyError(ServiceUnavailableError):
    """Too many requests of this tenant wait for the same lock already. Nothing was recorded; try again."""


class StorageFullError(ServiceUnavailableError):
    """The disk is full. Nothing was recorded. Whoever runs the service has to free or add space."""


class OutcomeUnknownError(ServiceUnavailableError):
    """The connection was lost while recording: nobody knows whether it is recorded. Read, or repeat it with its key."""


class LogWentBackError(ServiceUnavailableError):
    """The log has lost events that were recorded before. Nothing is recorded until it has them again."""


class ProjectionLagError(ServiceUnavailableError):
    """The read model has not reached the asked position yet. Try again."""


class ListTooSlowError(ServiceUnavailableError):
    """The list took longer than lists may. Narrow it by a filter, or by times that are closer together."""


class ListsBusyError(ServiceUnavailableError):
    """Slow lists hold every connection that lists may have. Try again later."""


class ReadModelRebuildingError(ServiceUnavailableError):
    """A read model is being made anew and does not show everything yet. Try again once it is whole."""
