"""What routes take of a caller: the use cases, in the caller's tenant."""

from typing import Annotated

from fastapi import Depends, Request

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.content.direct_uploads import DirectUploads
from api.application.content.intake import Intake
from api.application.content.lookup import StoredContents
from api.application.content.signed_access import SignedContent
from api.application.jobs import Jobs
from api.application.session import Session
from api.http.authentication import services, session


async def assets(request: Request) -> Assets:
    """The caller's tenant's assets."""
    return Assets(await session(request))


async def asset_creation(request: Request) -> AssetCreation:
    """New assets of the caller's tenant."""
    return AssetCreation(await session(request))


async def jobs(request: Request) -> Jobs:
    """The caller's tenant's jobs."""
    return Jobs(await session(request))


async def contents(request: Request) -> StoredContents:
    """The stored content of the caller's tenant's assets."""
    return StoredContents(await session(request))


async def intake(request: Request) -> Intake:
    """New content of the caller's tenant's assets."""
    return Intake(await session(request), services(request).rules)


async def uploads(request: Request) -> DirectUploads:
    """Uploads to the caller's tenant's assets that go by signed URLs."""
    return DirectUploads(await session(request), services(request).rules)


def signed_content(request: Request) -> SignedContent:
    """What holders of signed URLs may do."""
    shared = services(request)
    return SignedContent(shared.store, shared.signer, shared.rules, shared.database_clock.now)


CallerSession = Annotated[Session, Depends(session)]
CallerAssets = Annotated[Assets, Depends(assets)]
CallerAssetCreation = Annotated[AssetCreation, Depends(asset_creation)]
CallerContents = Annotated[StoredContents, Depends(contents)]
CallerIntake = Annotated[Intake, Depends(intake)]
CallerUploads = Annotated[DirectUploads, Depends(uploads)]
CallerJobs = Annotated[Jobs, Depends(jobs)]
