"""A row of the audit trail is the same with personal values and without them, but for its words."""

from datetime import UTC, datetime

from hypothesis import given
from uuid_utils.compat import uuid7

from domain.asset import creation
from domain.asset.inputs import NewAsset
from domain.event import Recorded, from_parts, to_parts
from domain.text import searchable
from projections.audit_trail.fold import AUDIT_TRAIL
from tests.conftest import context
from tests.domain import strategies as some
from tests.projections.tables import fold_all


@given(some.new_assets)
def test_what_is_personal_decides_nothing_but_the_words(new: NewAsset) -> None:
    event = creation.create(context(new.reason), uuid7(), uuid7(), new)
    (row,) = fold_all(AUDIT_TRAIL, [Recorded(event, 1, datetime.now(UTC))]).values()
    erased = from_parts(to_parts(event).clear, {})
    (bare,) = fold_all(AUDIT_TRAIL, [Recorded(erased, 1, row.effective_at)]).values()
    assert row._replace(text_search="") == bare
    assert row.refs == list(dict.fromkeys(row.refs))
    assert {*map(str, new.references)} <= {*row.refs}
    for words in (new.name, new.reason, *new.tags):
        assert searchable(words or "") in row.text_search
