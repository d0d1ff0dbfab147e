"""Places to work for children that will be killed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from busy_day import Place, prepare
from postgres import Cluster


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    made = Place(database_url, tmp_path)
    prepare(made)
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Place]]:
    """Give a function that makes one fresh place after the other."""
    template = request.getfixturevalue(f"{request.param}_template")
    cluster: Cluster | None = request.getfixturevalue("cluster") if request.param == "postgresql" else None
    names: list[str] = []

    def make() -> Place:
        folder = tmp_path / f"place {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        if cluster is None:
            url = f"sqlite:///{shutil.copyfile(template, folder / 'day.sqlite')}"
        else:
            names.append(cluster.make_database(template))
            url = cluster.url(names[-1])
        prepare(made := Place(url, folder))
        return made

    yield make
    for name in names:
        assert cluster is not None
        cluster.drop_database(name)
