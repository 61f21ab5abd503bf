"""A tenant's policy, and its declared references."""

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter

from api.http.batch_bodies import CallerBatch, described, together
from api.http.conditions import AsOf, IfMatch, at_least
from api.http.dependencies import CallerPolicies
from api.http.problems import documented
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.policies import DeclaredReference, DeclareResults, TenantPolicy
from domain import errors
from domain.tenant.inputs import NewPolicy, NewReference

BATCH_PATH = "/v1/references/batch"

router = APIRouter(route_class=RenderedRoute, tags=["policies"])

_NEW_REFERENCE = TypeAdapter(NewReference)
_REFERENCES = described(
    {"$ref": "#/components/schemas/NewReference"},
    [{"kind": "claim", "id": "c7", "scope": "world:w1"}, {"kind": "client", "id": "acme"}],
)


def _seen(response: Response, policy: TenantPolicy) -> TenantPolicy:
    response.headers["ETag"] = f'"{policy.revision}"'
    if policy.position is not None:
        response.headers["Ledger-Position"] = str(policy.position)
    return policy


@router.get("/v1/policy", responses=documented(errors.BeyondHeadError), dependencies=[Depends(at_least())])
def get_policy(policies: CallerPolicies, response: Response, as_of: AsOf) -> TenantPolicy:
    """Read the tenant's policy as it is now or was at a moment. It is folded from the log, so it is always current."""
    return _seen(response, TenantPolicy.of(policies.policy(as_of)))


@router.put(
    "/v1/policy",
    responses=documented(errors.StaleRevisionError, errors.EntryTooLargeError, errors.TooManyConflictsError),
)
def set_policy(new: NewPolicy, policies: CallerPolicies, if_match: IfMatch, response: Response) -> TenantPolicy:
    """Replace the tenant's policy as a whole. Setting the same policy again changes nothing.

    The policy applies to what is recorded from then on. It never prevents unlinking or deleting.
    """
    return _seen(response, TenantPolicy.of(policies.set_policy(new, if_match)))


@router.post(
    "/v1/references",
    status_code=201,
    responses=documented(errors.OtherScopeError, errors.TooManyConflictsError)
    | {200: {"model": DeclaredReference, "description": "The reference was declared before."}},
)
def declare_reference(new: NewReference, policies: CallerPolicies, response: Response) -> DeclaredReference:
    """Declare a reference, so that it may be used where the policy closes its kind.

    A reference with a scope may be used only there. Declaring it again changes nothing; another scope is refused.
    """
    (outcome,) = policies.declare([new])
    if isinstance(outcome, errors.LedgerError):
        raise outcome
    recorded, is_new = outcome
    response.status_code = 201 if is_new else 200
    response.headers["Ledger-Position"] = str(recorded.position)
    return DeclaredReference.of(recorded)


@router.post(BATCH_PATH, responses=documented(errors.TooManyConflictsError), openapi_extra=_REFERENCES)
def declare_references(batch: CallerBatch, policies: CallerPolicies, response: Response) -> DeclareResults:
    """Declare up to 1,000 references, as a JSON list or as NDJSON. The valid items are recorded together.

    An invalid item fails alone. Sending the same batch again changes nothing.
    """
    items = batch.read(_NEW_REFERENCE)
    results = DeclareResults.of(together(items, policies.declare), batch.request_id)
    positions = (result.declared.position for result in results.results if result.declared)
    response.headers["Ledger-Position"] = str(max(positions, default=0))
    return results
