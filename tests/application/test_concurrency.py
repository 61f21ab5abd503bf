"""Writers at the same moment, in one process and in several: each is let in sooner or later, and nothing is lost."""

import base64
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from uuid_utils.compat import uuid7

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.composition import Services, connected
from domain.asset import creation
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset
from domain.event import Actor
from domain.reference import Reference
from infra.databases import Databases
from infra.event_log.conflicts import ATTEMPTS
from infra.settings import Settings
from projections.states import ASSET, AssetState
from tests.conftest import KEK, context, new_tenant

ROUNDS = 5
MANY = 12
ANN = Actor(id="ann", type="user")
IMAGE = {"media": {"media_kind": "image"}}


def test_writers_of_several_processes_to_one_asset_are_all_let_in(quiet: Services, databases: Databases) -> None:
    tenant = new_tenant(quiet)
    asset_id = AssetCreation(quiet.session(tenant, ANN)).create(NewAsset.model_validate(IMAGE))[0].asset_id
    with ExitStack() as stack:
        settings = Settings(key_encryption_key=base64.b64encode(KEK).decode(), follow=False)
        others = [stack.enter_context(connected(settings, databases)) for _ in range(3)]

        def link(number: int) -> None:
            session = others[number % 3].session(tenant, ANN)
            for round_ in range(ROUNDS):
                Assets(session).link(asset_id, (Reference(kind="m", id=f"{number}.{round_}"),), None)

        with ThreadPoolExecutor(MANY) as pool:
            list(pool.map(link, range(MANY)))

    assert Assets(quiet.session(tenant, ANN)).asset(asset_id).revision == 1 + MANY * ROUNDS


def test_who_always_loses_is_let_in_once_nobody_else_can_append(quiet: Services) -> None:
    log = quiet.log.of(new_tenant(quiet))
    (recorded,) = log.record(creation.create(context(), log.tenant_id, uuid7(), NewAsset.model_validate(IMAGE)))
    asset_id, rivals = recorded.event.originator_id, list[int]()

    def link(state: AssetState, number: int) -> Sequence[AssetEvent]:
        return state.asset.link(context(), (Reference(kind="m", id=f"{number}"),))

    def overtaken(state: AssetState) -> Sequence[AssetEvent]:
        if not log.recorder.is_in_transaction:
            rivals.append(len(rivals))
            log.record(*link(state, len(rivals)))
        return link(state, 1_000)

    changed = log.change(asset_id, ASSET, overtaken)

    assert changed.state.row.links[-1] == "m:1000"
    assert changed.state.version == 2 + len(rivals)
    assert len(rivals) == ATTEMPTS
