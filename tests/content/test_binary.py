"""Binary parts: whatever is taken out of content blocks is put back exactly, and nothing else is touched."""

import base64
import json
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ithaca import AttachmentReference, Limits
from ithaca.attached import put_back
from ithaca.binary import exact_base64, split
from ithaca.columns import from_json, to_json
from tests.support.files import base64 as encoded
from tests.support.files import data_url

#: So that a few bytes are an attachment, and most are.
SMALL = Limits(max_inline_bytes=2, max_attachment_bytes=1_000)

binary = st.binary(max_size=12)
awkward_base64 = st.one_of(
    binary.map(encoded),
    binary.map(lambda data: base64.urlsafe_b64encode(data).decode()),
    binary.map(lambda data: base64.encodebytes(data).decode()),
    binary.map(lambda data: encoded(data).rstrip("=")),
    st.text("ABQR+/=-_ \n", max_size=12),
)
texts = st.one_of(
    st.text(max_size=9), awkward_base64, binary.map(data_url), awkward_base64.map("data:a/b;base64,{}".format)
)
references = st.builds(
    lambda data, prefix, form: AttachmentReference("0" * 62 + f"{len(data):02}", "image/png", len(data), prefix, form),
    binary,
    st.sampled_from([None, "", "data:image/png;base64,"]),
    st.sampled_from(["base64", "bytes"]),
)
keys = st.one_of(
    st.sampled_from(["data", "url", "file_data", "media_type", "text", "result", "type"]), st.text(max_size=3)
)
scalars = st.one_of(
    texts, binary, references, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False)
)
blocks = st.lists(
    st.recursive(scalars, lambda inner: st.one_of(st.lists(inner), st.dictionaries(keys, inner)), max_leaves=12)
)


#: On a machine that does much else, making up an example may take long.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(blocks)
def test_what_is_taken_out_is_put_back(content: list[Any]) -> None:
    before = deepcopy(content)
    rest, attached = split(content, SMALL, checked=False)

    stored = from_json(to_json(rest))  # no bytes are left in it
    assert repr(before) == repr(content)
    if attached is None:
        assert repr(content) == repr(stored)
    else:
        assert repr(content) == repr(put_back(stored, attached))


@unhurried
@given(blocks)
def test_as_references_it_says_the_same(content: list[Any]) -> None:
    rest, attached = split(content, SMALL, checked=False)
    if attached is None:
        return
    by_reference = put_back(from_json(to_json(rest)), str(attached))

    again = split(by_reference, SMALL, checked=False)
    assert json.loads(attached) == json.loads(again.attached or "null")
    assert rest == again.rest


@given(st.one_of(awkward_base64, st.text(max_size=8), st.binary(max_size=60).map(encoded)))
def test_base64_is_taken_only_if_it_comes_back(text: str) -> None:
    """Judged against decoding leniently and encoding the whole again."""
    try:
        data = base64.b64decode(text)
    except ValueError:
        data = b"\0"
    expected = data if encoded(data) == text else None

    assert expected == exact_base64(text)
