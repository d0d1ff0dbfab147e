"""A house with people, a small process and its pages, and visitors that come by the web application."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from factories import a_field, a_page, a_parcel
from flask.testing import FlaskClient
from pydantic import SecretStr
from running import BERLIN, a_diagram, a_process, end, start
from werkzeug.test import TestResponse

from engine.deployment import Surroundings, deploy
from engine.operations.call import Call
from storage.database import Database
from storage.orders import Party
from storage.parcels import Document, IndexField
from storage.people import Actor, User
from web.app import create_app
from web.assembly import System, join
from web.auth import hash_password
from web.operations import OPEN_PARCEL
from web.settings import Settings, WebSettings

PASSWORD = "a good long password"
GROUPS = {
    "manager": "manager",
    "accounting": "accountant",
    "qa": "quality",
    "planning": "planner",
    "production": "production",
    "administrators": "administrator",
    "process_owners": "process_owner",
    "customers": "customer",
}
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU"
    b"\0\0\0\nIDATx\x9cc\xf8\x0f\0\x01\x01\x01\0\x1b\xb6\xeeV\0\0\0\0IEND\xaeB`\x82"
)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_REVIEW_FORM = {
    "type": "default",
    "id": "review",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "key": "product", "label": "Product", "readonly": True, "id": "c1"},
        {"type": "number", "key": "run_length", "label": "Run length", "id": "c2", "decimalDigits": 0,
         "validate": {"required": True, "min": 1}},
        {"type": "radio", "key": "decision", "label": "Decision", "id": "c3", "validate": {"required": True},
         "values": [{"label": "Accept", "value": "accept"}, {"label": "Reject", "value": "reject"}]},
        {"type": "textarea", "key": "reason", "label": "Reason for the rejection", "id": "c4",
         "validate": {"required": True}, "conditional": {"hide": '=decision != "reject"'}},
    ],
}  # fmt: skip
_ORDER_FORM = {
    "type": "default",
    "id": "order_form",
    "schemaVersion": 19,
    "components": [
        {"type": "textfield", "key": "customer_number", "label": "Customer number", "id": "o1",
         "validate": {"required": True}},
        {"type": "textfield", "key": "product", "label": "Product", "id": "o2", "validate": {"required": True}},
        {"type": "datetime", "subtype": "date", "key": "wanted_on", "dateLabel": "Wanted on", "id": "o3",
         "validate": {"required": True}},
    ],
}  # fmt: skip
_ACCESS = """role,status,subject,level,scope
manager,*,order,act,all
manager,*,order,write,all
manager,*,*,write,all
manager,*,document:*,read,all
accountant,in_review,order,act,all
accountant,in_review,*,read,all
accountant,in_review,document:purchase_order,read,all
administrator,*,order,read,all
administrator,*,*,read,all
customer,*,order,read,customer
customer,*,product,read,customer
"""
_STATUSES = "status,name,customer_words\nreceived,Received,We have it.\nin_review,In review,We check it.\n"


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


class House:
    """A system with its application, and what a test puts into it."""

    def __init__(self, database: Database, folder: Path, **web: Any) -> None:
        settings = Settings(data_folder=folder, secret_key=SecretStr("k" * 32), web=WebSettings(**web))
        self.system: System = join(settings, database.clock, database.documents, database)
        self.database = database
        self.app = create_app(self.system)
        with database.transaction() as tx:
            for group, role in GROUPS.items():
                tx.people.put_group(group, group.title(), [role])

    def person(self, login: str, *groups: str, customer_id: int | None = None) -> Actor:
        """Add a person who can sign in with `PASSWORD`."""
        with self.database.transaction() as tx:
            user = User(
                login=login,
                display_name=login.title(),
                created_at=tx.now,
                password_hash=_hashed(),
                customer_id=customer_id,
            )
            return tx.people.actor(tx.people.add(user, groups).id)

    def customer(self, number: str = "K-1") -> int:
        """Add a customer."""
        with self.database.transaction() as tx:
            return tx.orders.add_party(Party(number=number, name=f"Customer {number}")).id

    def visitor(self, login: str | None = None) -> "Visitor":
        """Give a browser, signed in when a login is given."""
        visitor = Visitor(self.app.test_client())
        if login is not None:
            answer = visitor.post("/sign-in", login=login, password=PASSWORD)
            assert answer.status_code == 302, answer.get_data(as_text=True)
        return visitor

    def deploy(self, review: str = 'parcelflow:candidateGroups="accounting"', also_access: str = "") -> None:
        """Put a process of one review in force, with form, rights (further lines may be given) and statuses."""
        task = (
            '<userTask id="review" name="Review order" parcelflow:form="review" parcelflow:outcome="decision" '
            f'parcelflow:status="in_review" {review}/>'
        )
        process = a_process("order", start(), task, end(), "begin -> review", "review -> done")
        files = {
            "order/order.bpmn": a_diagram(process),
            "order/forms/review.form": json.dumps(_REVIEW_FORM).encode(),
            "order/forms/order_form.form": json.dumps(_ORDER_FORM).encode(),
            "order/access.csv": (_ACCESS + also_access).encode(),
            "order/statuses.csv": _STATUSES.encode(),
        }
        deploy(self.database, Surroundings(BERLIN), files, login="owner")

    def parcel(self, **values: Any) -> tuple[int, str]:
        """Add a parcel with a document of one page and two fields; give its id and number."""
        with self.database.transaction() as tx:
            parcel = tx.parcels.add(a_parcel(**values))
            stored = tx.documents.put(PIXEL)
            document = tx.parcels.add_document(
                Document(
                    parcel_id=parcel.id,
                    position=0,
                    kind="purchase_order",
                    title="Purchase order",
                    file_name="order.svg",
                    media_type="image/svg+xml",
                    sha256=stored.sha256,
                    size=stored.size,
                    origin="upload",
                    created_at=tx.now,
                )
            )
            tx.parcels.put_pages(document.id, [a_page(document, image_sha256=stored.sha256, text="A page of text")])
            fields: list[IndexField] = [
                a_field(parcel, name="product", value="flyer", confidence=0.95, document_id=document.id, page=1,
                        box=[10, 10, 90, 30]),
                a_field(parcel, name="run_length", value="5000", confidence=0.6, document_id=document.id, page=1,
                        box=[10, 50, 90, 70], reason="Left of “pieces”"),
            ]  # fmt: skip
            tx.parcels.put_fields(parcel.id, fields)
            tx.search.index_text(document.id)
            tx.search.index_data(parcel.id)
            return parcel.id, parcel.number

    def begin(self, parcel_id: int, **variables: Any) -> int:
        """Start the parcel's process and give its open work item."""
        self.system.engine.start("order", parcel_id, {"product": "flyer", "run_length": 5000} | variables)
        with self.database.reading() as tx:
            return tx.work.of_parcel(parcel_id)[-1].id

    def open(self, parcel_id: int) -> None:
        """Do the job that opens a parcel which has arrived."""
        self.system.operations[OPEN_PARCEL](self.call(parcel_id))

    def call(self, parcel_id: int) -> Call:
        """Give a call for an operation on a parcel."""
        return Call(f"call for {parcel_id}", parcel_id, 0, {})

    def actions(self, parcel_id: int) -> list[tuple[str, str]]:
        """Give who did what to a parcel, in order."""
        with self.database.transaction() as tx:
            return [(event.actor, event.action) for event in tx.audit.history(f"parcel:{parcel_id}")]


class Visitor:
    """A browser without script: follows nothing by itself, sends the token of the page it saw last."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask for a page."""
        answer = self.client.get(path, buffered=True, **more)
        found = _TOKEN.search(answer.get_data(as_text=True)) if answer.mimetype == "text/html" else None
        self.token = found.group(1) if found else self.token
        return answer

    def text(self, path: str) -> str:
        """Ask for a page that must be there, and give its text."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.get_data(as_text=True)

    def post(self, path: str, /, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """Send a form with the token."""
        if not self.token:
            self.get("/sign-in")
            if not self.token:
                self.get("/worklist")
        data = {"csrf_token": self.token, **fields}
        answer = self.client.post(path, data=data, headers=headers or {}, buffered=True)
        if path in {"/sign-in", "/sign-out"}:
            self.token = ""
        return answer
