"""What a fold makes of the same events stays the same, or the fold has another version."""

import pytest

from tests.golden.states import HISTORIES, STATES, history


@pytest.mark.parametrize("kind", HISTORIES)
def test_a_state_is_what_it_was_when_its_fold_got_its_name(kind: str) -> None:
    fold, names = HISTORIES[kind]
    state, path = fold.after(None, history(names)), STATES / f"{fold.name}.json"

    assert path.exists(), "states have another form: run `make golden`, and remove the file of the form before"
    assert fold.read(path.read_bytes()) == state, f"give the fold the version {fold.version + 1}, then `make golden`"
    assert fold.read(fold.dump(state)) == state
