#!/usr/bin/env bash
# pydantic 2.14.3: a bound that follows a BeforeValidator is enforced, but its JSON Schema has it as a Python name.
#
# Annotated[int, BeforeValidator(f), Field(gt=0, lt=10)] refuses 0 and 10. Its JSON Schema says {"gt": 0, "lt": 10},
# members that JSON Schema (draft 2020-12) does not have and every validator ignores, instead of exclusiveMinimum and
# exclusiveMaximum, which it has when the Field comes first. A pattern of a string is left out altogether. So an OpenAPI
# document made of such a model tells its callers of no bound, and generated clients send what is then refused.
#
# Output seen:
#   int, Field first      {"exclusiveMaximum": 10, "exclusiveMinimum": 0, "type": "integer"}
#   int, validator first  {"gt": 0, "lt": 10, "type": "integer"}
#   str, validator first  {"minLength": 2, "type": "string"}
#   10: refused by pydantic, valid by the schema
#   "bb": refused by pydantic, valid by the schema
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydantic==2.14.3 jsonschema==4.25.1
"$folder/venv/bin/python" - <<'PYTHON'
import json
from typing import Annotated, Any

from jsonschema import Draft202012Validator
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError


def same(value: Any) -> Any:
    return value


bounds = Field(gt=0, lt=10)
first = TypeAdapter(Annotated[int, bounds, BeforeValidator(same)])
last = TypeAdapter(Annotated[int, BeforeValidator(same), bounds])
text = TypeAdapter(Annotated[str, BeforeValidator(same), Field(min_length=2, pattern="^a")])


def compare(adapter: TypeAdapter[Any], value: Any) -> None:
    try:
        adapter.validate_python(value)
        by_pydantic = "valid"
    except ValidationError:
        by_pydantic = "refused"
    by_schema = "valid" if Draft202012Validator(adapter.json_schema()).is_valid(value) else "refused"
    print(f"{json.dumps(value)}: {by_pydantic} by pydantic, {by_schema} by the schema")
    assert (by_pydantic, by_schema) == ("refused", "valid")


for name, adapter in (("int, Field first", first), ("int, validator first", last), ("str, validator first", text)):
    print(f"{name:<21} {json.dumps(adapter.json_schema())}")
assert first.json_schema() == {"exclusiveMaximum": 10, "exclusiveMinimum": 0, "type": "integer"}
assert last.json_schema() == {"gt": 0, "lt": 10, "type": "integer"}
assert text.json_schema() == {"minLength": 2, "type": "string"}
compare(last, 10)
compare(text, "bb")
PYTHON
