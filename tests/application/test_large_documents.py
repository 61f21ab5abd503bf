"""Documents of any size come back whole, and read models need none of them."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.jobs import Jobs
from api.composition import Services
from api.workers.worker import own_session
from domain.asset.inputs import NewAsset
from domain.job.inputs import NewJob
from infra.event_log.mapper import MAX_ENTRY
from projections.assets.fold import ASSETS
from projections.engine.rebuild import rebuild
from projections.jobs.fold import JOBS
from tests.conftest import new_tenant
from tests.http.job_requests import IMAGE
from tests.large_documents import HALF_A_MEGABYTE, large
from tests.projections.tables import catch_up, contents


def test_rebuilt_rows_are_the_same_and_need_no_store(quiet: Services) -> None:
    session = own_session(quiet, new_tenant(quiet))
    asset = AssetCreation(session).create(NewAsset.model_validate(IMAGE | {"metadata": HALF_A_MEGABYTE}))[0]
    Jobs(session).request(NewJob(media_kind="image", snapshot=large(300_000)), None)
    assert asset.metadata == HALF_A_MEGABYTE
    catch_up(quiet)
    live = [contents(quiet, projection) for projection in (ASSETS, JOBS)]
    for key, _ in list(quiet.store.objects(f"{session.tenant_id}/")):
        quiet.store.delete(key)
    for projection in (ASSETS, JOBS):
        rebuild(quiet.engine, projection)
    assert [contents(quiet, projection) for projection in (ASSETS, JOBS)] == live
    assert all(len(table) < 10_000 for table in live)


sizes = st.none() | st.integers(0, 30) | st.integers(20_000, 42_000) | st.integers(60_000, 1_000_000)


def test_whatever_the_sizes_the_event_fits_and_what_is_read_is_what_was_given(quiet: Services) -> None:
    session = own_session(quiet, new_tenant(quiet))

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.tuples(sizes, sizes, sizes), st.sampled_from(["x", "ä", '"', "\n"]), st.none() | st.just("u_ann"))
    def check(of: tuple[int | None, int | None, int | None], sign: str, subject: str | None) -> None:
        metadata, prompt, snapshot = (
            None if size is None else {sign: sign * (size // len(f"{sign!r}"))} for size in of
        )
        documents = {"metadata": metadata, "prompt_spec": prompt, "subject": subject}
        created = AssetCreation(session).create(NewAsset.model_validate(IMAGE | documents))[0]
        asset = Assets(session).asset(created.asset_id)
        assert (created.metadata, created.prompt_spec) == (asset.metadata, asset.prompt_spec) == (metadata, prompt)
        job = Jobs(session).request(
            NewJob(media_kind="image", prompt_spec=prompt, snapshot=snapshot, subject=subject), None
        )
        asked = Jobs(session).job(job[0].job_id)
        assert (asked.prompt_spec, asked.snapshot) == (prompt, snapshot)
        for id_ in (created.asset_id, asked.job_id):
            for entry in session.log.recorder.select_events(id_):
                assert len(entry.state) <= MAX_ENTRY

    check()
