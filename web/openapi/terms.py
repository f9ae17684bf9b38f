"""The words in which the API is described: schemas, parameters and operations, as OpenAPI 3.1 has them. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time", "description": "UTC"}
ANYTHING: Schema = {}
OBJECT: Schema = {"type": "object"}
SECONDS_OF_A_YEAR = 366 * 86400


def said(schema: Schema, description: str) -> Schema:
    """A schema with what it means."""
    return {**schema, "description": description}


def maybe(schema: Schema) -> Schema:
    """It, or null."""
    if "type" in schema and isinstance(schema["type"], str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema, **limits: int) -> Schema:
    """A list of it."""
    return {"type": "array", "items": schema, **limits}


def one_of(*values: str) -> Schema:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def by_name(schema: Schema) -> Schema:
    """An object whose values are all alike."""
    return {"type": "object", "additionalProperties": schema}


def shape(**fields: Schema) -> Schema:
    """An object that holds these, all of them, and nothing else."""
    return {**choice(**fields), "required": list(fields)}


def choice(*required: str, **fields: Schema) -> Schema:
    """An object that holds some of these, and nothing else."""
    found: Schema = {"type": "object", "properties": fields, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def ref(name: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def page(of: str, schema: Schema) -> Schema:
    """One page of a list; ``next`` is the ``cursor`` of the next one, null once this was the last."""
    return shape(**{of: many(schema), "next": maybe(TEXT)})


@dataclass(frozen=True)
class Asked:
    """A parameter of the query."""

    name: str
    schema: Schema
    description: str = ""


LIMIT = Asked("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}, "how many a page holds")
GIVEN: Schema = {"type": "string", "minLength": 1}
CURSOR = Asked("cursor", GIVEN, "the `next` of the page before")

Method = Literal["get", "post", "delete"]


@dataclass(frozen=True)
class Operation:
    """One method of one path: what it takes, what it answers, and which refusals are its own."""

    method: Method
    path: str
    summary: str
    answer: Schema
    status: int = 200
    query: tuple[Asked, ...] = ()
    body: Schema | None = None
    body_optional: bool = False
    refuses: tuple[int, ...] = ()
    """Beside those that every operation may answer."""

    @property
    def id(self) -> str:
        """Unique in the document."""
        words = self.path.strip("/").replace("{", "").replace("}", "").replace("/", "_").replace(".", "_")
        return f"{self.method}_{words}"


def get(path: str, summary: str, answer: Schema, *query: Asked, refuses: tuple[int, ...] = ()) -> Operation:
    """Look at something. A query that is not known is refused."""
    return Operation("get", path, summary, answer, query=query, refuses=(422, *refuses))


def post(
    path: str,
    summary: str,
    answer: Schema,
    body: Schema | None = None,
    *,
    status: int = 200,
    body_optional: bool = False,
    refuses: tuple[int, ...] = (),
) -> Operation:
    """Change something."""
    of_body = () if body is None else (400, 413, 415, 422)
    return Operation("post", path, summary, answer, status, (), body, body_optional, (*of_body, *refuses))


def delete(path: str, summary: str, answer: Schema, refuses: tuple[int, ...] = ()) -> Operation:
    """Remove something."""
    return Operation("delete", path, summary, answer, refuses=refuses)
