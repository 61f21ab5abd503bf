"""Spans of positions are the sums of their parts."""

from hypothesis import given
from hypothesis import strategies as st

from projections.queries.spans import LAST, Span, parts

positions = st.integers(0, 6 << 20)


@given(st.builds(Span, positions, positions), st.sampled_from([(20, 16, 12), (6, 3), (4,)]))
def test_a_span_is_the_sum_of_its_parts(span: Span, levels: tuple[int, ...]) -> None:
    reached = span.after
    for part in parts(span, levels):
        first, stop = part.numbers.start << part.bits, part.numbers.stop << part.bits
        if part.edge is not None:
            assert (len(part.numbers), part.bits) == (1, levels[-1])
            assert first <= part.edge.after + 1 <= part.edge.until < stop
            first, stop = part.edge.after + 1, part.edge.until + 1
        assert first == reached + 1
        reached = stop - 1
    assert reached == max(span.after, span.until)


def test_a_span_without_an_end_has_few_parts() -> None:
    assert len(list(parts(Span(12_345, LAST), (20, 16, 12)))) < 10
