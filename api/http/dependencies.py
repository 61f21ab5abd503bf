"""What routes take of a caller: the use cases, in the caller's tenant."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.content.direct_uploads import DirectUploads
from api.application.content.intake import Intake
from api.application.content.lookup import StoredContents
from api.application.content.signed_access import SignedContent
from api.application.jobs import Jobs
from api.application.policies import Policies
from api.application.session import Session
from api.http.authentication import services, session

T = TypeVar("T")


def of_caller(use_case: Callable[..., T], *, takes_content: bool = False) -> Callable[[Request], Awaitable[T]]:
    """A dependency: a use case in the caller's session, with the rules of content if it takes that."""

    async def dependency(request: Request) -> T:
        caller = await session(request)
        return use_case(caller, services(request).rules) if takes_content else use_case(caller)

    return dependency


def signed_content(request: Request) -> SignedContent:
    """What holders of signed URLs may do."""
    shared = services(request)
    return SignedContent(shared.store, shared.signer, shared.rules, shared.database_clock.now)


CallerSession = Annotated[Session, Depends(session)]
CallerAssets = Annotated[Assets, Depends(of_caller(Assets))]
CallerAssetCreation = Annotated[AssetCreation, Depends(of_caller(AssetCreation))]
CallerContents = Annotated[StoredContents, Depends(of_caller(StoredContents))]
CallerIntake = Annotated[Intake, Depends(of_caller(Intake, takes_content=True))]
CallerUploads = Annotated[DirectUploads, Depends(of_caller(DirectUploads, takes_content=True))]
CallerJobs = Annotated[Jobs, Depends(of_caller(Jobs))]
CallerPolicies = Annotated[Policies, Depends(of_caller(Policies))]
