"""The events of some topics, looked up in the audit trail as far as it goes: the same however far that is."""

from itertools import product

import pytest

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.composition import Services
from api.workers.worker import own_session
from domain.asset.inputs import NewAsset
from domain.media import File
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.queries import audit_trail
from projections.queries.audit_trail import page_of_topics
from tests.conftest import new_tenant

TOPICS = (("asset.held",), ("asset.created", "asset.held", "asset.held"), ("asset.restored",))


def test_they_are_the_same_however_far_the_trail_goes(quiet: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "SPAN", 2)
    tenant = new_tenant(quiet)
    session = own_session(quiet, tenant)
    for case in range(4):
        row, _ = AssetCreation(session).create(NewAsset(media=File(media_kind="file")))
        if case % 2:
            Assets(session).change_unless_purged(
                row.asset_id, lambda asset, context: asset.put_hold(context, "case"), None, None
            )
    head = session.log.head()
    history = session.log.page(0, head, head)
    quiet.engine.progress.enrol()
    folded = 0
    for _ in range(head + 1):
        for topics, after, until, limit in product(TOPICS, range(head), range(1, head + 1), (1, 2, 50)):
            expected = [r.position for r in history if after < r.position <= until and r.event.TOPIC in topics]
            page = page_of_topics(quiet.database, session.log, topics, after, until, limit)
            assert [recorded.position for recorded in page] == expected[:limit]
        folded += quiet.engine.step(AUDIT_TRAIL, 1, only=tenant)
    assert folded == head
