"""A small order process whose table decides who looks at an order: by product, first rule first."""

from house import House
from running import a_diagram, a_process, end, gateway, start, user

from engine.deployment import Surroundings, deploy

ROUTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="Routing" namespace="urn:test">
  <!-- kept as it is -->
  <decision id="routing" name="Routing">
    <decisionTable id="routing_table" hitPolicy="FIRST">
      <input id="in" label="Product">
        <inputExpression id="ie" typeRef="string"><text>product</text></inputExpression>
      </input>
      <output id="out" label="Group" name="group" typeRef="string">
        <outputValues id="ov"><text>"qa","manager"</text></outputValues>
      </output>
      <rule id="r1">
        <inputEntry id="r1i"><text>"flyer"</text></inputEntry>
        <outputEntry id="r1o"><text>"qa"</text></outputEntry>
      </rule>
      <rule id="r2">
        <inputEntry id="r2i"><text>-</text></inputEntry>
        <outputEntry id="r2o"><text>"manager"</text></outputEntry>
      </rule>
    </decisionTable>
  </decision>
</definitions>
"""
DECIDE = '<businessRuleTask id="decide" name="Decide" parcelflow:decision="routing" parcelflow:resultVariable="route"/>'
FLOWS = ("begin -> decide", "decide -> which", "which -> check if route.group == 'qa'", "which -> look")
DIAGRAM = a_diagram(
    a_process(
        "order",
        start(),
        DECIDE,
        gateway("which", "exclusive", 'default="which_to_look"'),
        user("check", "qa"),
        user("look", "manager"),
        end(),
        *FLOWS,
        "check -> done",
        "look -> done",
    )
)
ACCESS = b"role,status,subject,level,scope\nmanager,*,order,act,all\nmanager,*,*,write,all\nquality,*,order,act,all\n"
FILES = {
    "order.bpmn": DIAGRAM,
    "order_routing.dmn": ROUTING,
    "access.csv": ACCESS,
    "letters/thanks.txt": b"Subject: Thanks\n\nThanks.\n",
}


def settle(house: House, **changes: bytes | None) -> int:
    """Put the order process in force and give its deployment."""
    files = {path: data for path, data in {**FILES, **changes}.items() if data is not None}
    surroundings: Surroundings = house.system.surroundings()
    return deploy(house.database, surroundings, files, login="owner", note="First", name="order").deployment_id
