import io
import pickle
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from capture.findings import Source
from confined.frames import BadFrame, FrameKind, receive_frame


def frame(body: bytes) -> Callable[[int], bytes]:
    return io.BytesIO(b"r" + len(body).to_bytes(8, "little") + body).read


class Member:
    """Pickles as members of enumerations do on older releases of Python 3.11."""

    def __init__(self, owner: object, name: str) -> None:
        self.call = (getattr, (owner, name))

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def test_a_member_of_our_enumerations_comes_through_in_either_way_of_pickling() -> None:
    for value in (Source.OCR, Member(Source, "OCR")):
        assert receive_frame(frame(pickle.dumps(value)), at_most=1000) == (FrameKind.RESULT, Source.OCR)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Source, "__class__"), (Source, "mro"), (PurePosixPath, "parent"), (str, "format"), (Source, "X")],
)
def test_nothing_else_is_reached_by_its_name(owner: object, name: str) -> None:
    class Reach:
        def __reduce__(self) -> tuple[object, ...]:
            return (getattr, (owner, name))

    with pytest.raises(BadFrame):
        receive_frame(frame(pickle.dumps(Reach())), at_most=1000)
