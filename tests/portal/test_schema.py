"""The description of the API is valid, complete, and what the API does."""

import re

import jsonschema
import pytest
from django.urls import URLPattern
from drf_spectacular.drainage import GENERATOR_STATS
from openapi_spec_validator import OpenAPIV31SpecValidator

from payouts.client_sentences import ClientStatus
from payouts.portal import urls
from payouts.portal.openapi.document import Generator
from payouts.portal.openapi.document import document as described
from payouts.portal.openapi.operations import OPERATIONS
from payouts.portal.values import OPEN
from payouts.portal.views import PortalView
from tests.portal.description import closed


@pytest.fixture(scope="module")
def document():
    return described()


def endpoints():
    """Yield each endpoint of the API as the table names it, with its view."""
    for pattern in urls.urlpatterns:
        view = getattr(pattern.callback, "view_class", None)
        if isinstance(pattern, URLPattern) and view and issubclass(view, PortalView):
            path = re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern)).removeprefix("v1/")
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} & set(view().allowed_methods):
                yield f"{method} {path}", view


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path.removeprefix('/api/v1/')}", operation


def test_every_endpoint_is_described_and_nothing_else(document):
    there, described = dict(endpoints()), dict(operations(document))
    assert sorted(there.keys() - described.keys()) == [], "give these an entry in OPERATIONS"
    assert sorted(described) == sorted(there) == sorted(OPERATIONS)


def test_the_document_is_public_and_valid(client, document):  # and takes no database
    answer = client.get("/api/schema/")
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == document
    assert document["openapi"] == "3.1.1"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_nothing_is_guessed_and_the_document_is_always_the_same(document, capsys):
    again = Generator().get_schema(public=True)
    assert again == document
    assert not GENERATOR_STATS
    assert capsys.readouterr().err == ""


def test_another_method_is_refused_in_json(client):
    answer = client.post("/api/schema/", {})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_each_list_takes_the_filters_that_are_described(document):
    views = dict(endpoints())
    for name, operation in operations(document):
        query = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        assert query == set(views[name].filters) or not name.startswith("GET"), name


def test_every_example_is_as_its_schema_says(document):
    contents = list(contents_of(document))
    assert len(contents) > 100
    for content in contents:
        for example in content["examples"].values():
            validator(document, content["schema"]).validate(example["value"])


def contents_of(node):
    if isinstance(node, dict):
        if "examples" in node and "schema" in node:
            yield node
        for each in node.values():
            yield from contents_of(each)
    elif isinstance(node, list):
        for each in node:
            yield from contents_of(each)


def validator(document, schema):
    whole = closed({"components": document["components"], **schema})
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


def test_only_lists_that_stay_as_they_are_are_enums(document):
    """A client that is generated from the description fails on a value that no enum has."""
    schemas = document["components"]["schemas"]
    open_lists = {
        ("PayoutInFull", "code"),
        ("PayoutInFull", "next"),
        ("Payout", "code"),
        ("News", "code"),
        ("Event", "type"),
        ("Fault", "code"),
        ("Webhook", "type"),
        ("Delivery", "type"),
    }
    for name, member in open_lists:
        schema = schemas[name]["properties"][member]
        assert OPEN in schema, (name, member)
        assert "enum" not in schema
    for name in ("Payout", "PayoutInFull", "News"):
        assert schemas[name]["properties"]["status"]["enum"] == list(ClientStatus)
    for _name, operation in operations(document):
        for answer in operation["responses"].values():
            for content in answer.get("content", {}).values():
                for narrowed in content["schema"].get("allOf", [])[1:]:
                    code = narrowed["properties"]["code"]
                    assert code.keys() == {"type", OPEN}
    assert OPEN in schemas["Endpoint"]["properties"]["event_types"]["items"]
    for name, member in [("Endpoint", "status"), ("Delivery", "state")]:
        assert "enum" in schemas[name]["properties"][member]
    asked = schemas["AskedEndpoint"]["properties"]["event_types"]["items"]
    assert asked == {"enum": [f"payout.{status}" for status in ClientStatus]}


def test_each_status_of_a_payout_is_a_webhook(document):
    assert document["webhooks"].keys() == {f"payout.{status}" for status in ClientStatus}
    for name, item in document["webhooks"].items():
        [content] = item["post"]["requestBody"]["content"].values()
        assert content["examples"]["usual"]["value"]["type"] == name


def test_the_page_for_people_has_no_script_and_loads_nothing_from_elsewhere(client, document):
    answer = client.get("/api/docs/")
    text = answer.content.decode()
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert "<script" not in text
    assert "client_sent_now" in text
    assert "wallet_approval, decision, sending, confirmation or null; there may be more" in text
    assert re.findall(r'(?:src|href)="((?:https?:)?//[^"]*)', text) == []
    for name, operation in operations(document):
        assert f'id="{operation["operationId"]}"' in text, name
    assert client.post("/api/docs/").json()["code"] == "method_not_allowed"
