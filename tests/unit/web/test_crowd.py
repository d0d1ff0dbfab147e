"""Many people after the same work items at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from house import House, Visitor


def test_of_people_who_complete_the_same_items_at_once_one_wins_each_and_the_others_get_409(house: House) -> None:
    house.deploy()
    names = [f"clerk{number}" for number in range(4)]
    for name in names:
        house.person(name, "accounting")
    parcels = [house.parcel()[0] for _ in range(10)]
    items = [house.begin(parcel_id) for parcel_id in parcels]
    visitors = [house.visitor(name) for name in names]
    for visitor in visitors:
        visitor.get("/worklist")

    def complete_all(visitor: Visitor) -> list[int]:
        sent = {"decision": "accept", "run_length": "10"}
        return [visitor.post(f"/work-items/{item}/complete", **sent).status_code for item in items]

    with ThreadPoolExecutor(len(visitors)) as crowd:
        answers = Counter(status for statuses in crowd.map(complete_all, visitors) for status in statuses)

    assert answers == {302: 10, 409: 30}
    completed = [[what for _, what in house.actions(parcel_id)].count("work.completed") for parcel_id in parcels]
    assert completed == [1] * 10
