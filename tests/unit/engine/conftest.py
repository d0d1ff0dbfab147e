"""What engine tests share."""

import pytest
from running import Office

from storage.database import Database


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)
