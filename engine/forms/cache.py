"""Forms of deployments, read once and kept: a deployment never changes, so neither do its forms."""

from collections import OrderedDict
from pathlib import PurePosixPath
from threading import Lock

from engine.forms.form import Form, read_form
from storage.database import Transaction
from storage.errors import NotFound

_FORMS_KEPT = 512


class FormCache:
    """Keeps forms that have been read for all threads of a process, those that were used least lately given up first."""

    def __init__(self, size: int = _FORMS_KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[int, str], Form] = OrderedDict()
        self._lock = Lock()

    def of(self, tx: Transaction, deployment_id: int, key: str) -> Form:
        """Give the form of this name in a deployment, read when it is not kept; raises `NotFound` and `DefinitionError`."""
        place = (deployment_id, key)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None:
                self._kept.move_to_end(place)
                return kept
        path, data = form_file(tx, deployment_id, key)
        form = read_form(data, path)
        self._keep(place, form)
        return form

    def _keep(self, place: tuple[int, str], form: Form) -> None:
        with self._lock:
            self._kept[place] = form
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


def form_file(tx: Transaction, deployment_id: int, key: str) -> tuple[str, bytes]:
    """Give path and content of the form of this name in a deployment; raises `NotFound` when it is missing there."""
    for path in sorted(tx.deployments.digests(deployment_id)):
        name = PurePosixPath(path)
        if name.suffix == ".form" and name.stem == key:
            return path, tx.deployments.file(deployment_id, path)
    raise NotFound(f"The form {key} is missing in this version of the process; tell its owner.")
