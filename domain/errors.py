"""Errors of the ledger. A class's docstring is its default message; `api/http/problems.py` maps it to a status."""


class LedgerError(Exception):
    """The ledger refused the request."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class NotFoundError(LedgerError):
    """There is no such thing."""


class ConflictError(LedgerError):
    """The request conflicts with what is recorded, or with another request."""


class UnfitError(LedgerError):
    """The request cannot be carried out as it is: change it."""


class UnavailableError(LedgerError):
    """The ledger cannot answer right now."""


class AssetNotFoundError(NotFoundError):
    """There is no such asset."""


class AssetDeletedError(NotFoundError):
    """The asset is deleted. Restore it first."""


class ContentNotFoundError(NotFoundError):
    """The asset has no such content version."""


class ContentMissingError(NotFoundError):
    """The content is recorded, but its object is missing from the store."""


class ContentPurgedError(LedgerError):
    """The content was purged. Its bytes cannot be restored."""


class ContentHeldError(ConflictError):
    """The asset is under a legal hold. Its content cannot be purged until the hold is released."""


class ContentInUseError(ConflictError):
    """The content belongs to a live asset. Delete the asset first."""


class ContentBeingPurgedError(ConflictError):
    """The asset's content is being purged, and the purge cannot be stopped. Wait until it is done."""


class FilterMissingError(UnfitError):
    """Give at least one filter. No filter does not mean all assets."""


class FilterTooWideError(UnfitError):
    """The filter finds more assets than one request can handle. Narrow the filter."""


class ContentMismatchError(ConflictError):
    """The received bytes differ from the announced size, digest or type."""


class ContentTooLargeError(LedgerError):
    """The content is larger than this service accepts."""


class ContentTypeRefusedError(LedgerError):
    """This service does not accept content of this media type."""


class UploadNotFoundError(NotFoundError):
    """There is no such open upload: it never existed, or was completed, aborted or expired."""


class OriginIsPermanentError(ConflictError):
    """Origin and scope are permanent. Only links can be unlinked."""


class TooManyReferencesError(UnfitError):
    """An asset has at most 10,000 links. Unlink some first."""


class TooManyHoldsError(UnfitError):
    """An asset has at most 1,000 legal holds. Release some first."""


class JobNotFoundError(NotFoundError):
    """There is no such job."""


class IllegalTransitionError(ConflictError):
    """The job's status does not allow this operation."""


class WrongAttemptError(ConflictError):
    """The job is at another attempt. A worker that lost its lease cannot end the next attempt."""


class LeaseLostError(ConflictError):
    """The attempt has no lease, or its lease has expired. Stop working on the attempt."""


class OtherCompletionError(ConflictError):
    """The job has already succeeded with other assets."""


class ForeignAssetError(UnfitError):
    """An asset of a completion must have the job's media kind and scope."""


class OtherRequestError(ConflictError):
    """The Idempotency-Key was used for another request with another body. Nothing was recorded."""


class KeyOfDeletedAssetError(ConflictError):
    """The asset recorded with this Idempotency-Key is deleted. Restore the asset, or use another key."""


class MissingReferenceError(UnfitError):
    """The tenant's policy requires a reference of a kind that is missing. Add the reference."""


class TagNotAllowedError(UnfitError):
    """The tenant's policy does not allow one of the tags on this kind of media."""


class ReferenceNotDeclaredError(NotFoundError):
    """The tenant's policy allows only declared references of this kind. Declare the reference first."""


class ForeignReferenceError(UnfitError):
    """The reference was declared for another scope than that of the asset or job."""


class OtherScopeError(ConflictError):
    """The reference is already declared with another scope."""


class SourceNotFoundError(NotFoundError):
    """There is no asset of this id to be a source."""


class HoldNotFoundError(NotFoundError):
    """The asset has no such hold."""


class KeyNotFoundError(LedgerError):
    """The tenant has no such key."""


class TenantExistsError(LedgerError):
    """A tenant with this name already exists."""


class TenantNotFoundError(NotFoundError):
    """There is no such tenant."""


class StaleRevisionError(LedgerError):
    """The revision in If-Match is not the newest. Read the current revision, then decide again."""


class TooManyConflictsError(ConflictError):
    """Other writers were faster several times. Nothing was recorded; try again."""


class EntryTooLargeError(UnfitError):
    """The event would be larger than 65,535 bytes, the maximum of an entry. Send shorter fields."""


class MalformedEntryError(LedgerError):
    """The bytes of an event disagree with its columns. Nothing was appended."""


class DocumentTooLargeError(UnfitError):
    """A free document (metadata, prompt_spec, snapshot) is larger than 1 MiB of JSON."""


class BeyondHeadError(UnfitError):
    """The position is beyond the head of the log."""


class MomentsReversedError(UnfitError):
    """`from` is a later moment than `to`. Exchange them."""


class UnknownTopicError(UnavailableError):
    """The log has an event of a newer release. Upgrade this service."""


class ReservedActorError(LedgerError):
    """The actor system:ledger is reserved for the ledger itself. Use another actor."""


class KeyUnavailableError(UnavailableError):
    """A key of personal data is not available right now. Try again."""


class ClockApartError(UnavailableError):
    """This server's clock and another clock differ too much. Nothing was recorded or removed."""


class ClockAheadError(ClockApartError):
    """This server's clock is more than 5 seconds ahead of the database's. Nothing was recorded."""


class ClockBehindError(ClockApartError):
    """This server's clock is more than 5 seconds behind the database's. Nothing was recorded."""


class CorruptEntryError(LedgerError):
    """A stored entry is damaged: its bytes disagree with its place in the log or with its seal."""


class ServiceUnavailableError(UnavailableError):
    """The ledger cannot answer right now. Try again."""


class ShareUsedUpError(LedgerError):
    """The tenant, the key or the URL has as many requests running as it may have. Try again."""


class QueueFullError(ServiceUnavailableError):
    """Too many appends are waiting. Nothing was recorded; try again."""


class LogBusyError(ServiceUnavailableError):
    """Another transaction keeps the tenant's log locked. Nothing was recorded; try again."""


class TenantBusyError(ServiceUnavailableError):
    """Too many requests of this tenant already wait for its log. Nothing was recorded; try again."""


class StorageFullError(ServiceUnavailableError):
    """The disk is full. Nothing was recorded. The operator has to free or add space."""


class OutcomeUnknownError(ServiceUnavailableError):
    """The connection was lost during the commit; the outcome is unknown. Read first, or repeat with the same key."""


class LogWentBackError(ServiceUnavailableError):
    """The log lacks events that were recorded before. Nothing is recorded until they are back."""


class ProjectionLagError(ServiceUnavailableError):
    """The read model has not reached the requested position yet. Try again."""


class ListTooSlowError(ServiceUnavailableError):
    """The list took too long. Narrow it by filters or by a shorter span of time."""


class ListsBusyError(ServiceUnavailableError):
    """Slow lists use every connection that lists may use. Try again later."""


class ReadModelRebuildingError(ServiceUnavailableError):
    """A read model is being rebuilt and is incomplete. Try again when the rebuild is done."""
