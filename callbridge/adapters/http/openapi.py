"""The OpenAPI 3.1 document, generated from the table of routes and the models of bodies and responses."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter

from callbridge import __version__
from callbridge.adapters.http.log_in import COOKIE
from callbridge.adapters.http.problems import PROBLEM_JSON
from callbridge.adapters.http.request_bodies import PLAIN_TEXT
from callbridge.adapters.http.response_bodies import ProblemBody
from callbridge.adapters.http.route import Query, Route
from callbridge.adapters.http.routes import ROUTES

_MODELS = "#/components/schemas/"
_BODY_FAULTS = (408, 413)
_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_PARAMETER = re.compile(r"\{(\w+)\}")


@functools.cache
def document() -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "callbridge", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.what,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in _PARAMETER.findall(route.path)
        ],
        "responses": _responses(route, schemas),
        "security": [] if route.roles is None else [{"token": []}, {"session": []}],
    }
    operation["parameters"] += [
        {
            "name": query.name,
            "in": query.place,
            "required": query.required,
            "description": query.what,
            "schema": _of_query(query),
        }
        for query in route.query
    ]
    if route.roles is not None:
        operation["description"] = f"Roles: {', '.join(sorted(route.roles))}."
    if route.body is not None:
        content = {"application/json": {"schema": _schema(route.body, schemas, "validation")}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _of_query(query: Query) -> dict[str, Any]:
    """Every parameter is refused control characters."""
    free = query.place == "query" and query.schema.get("type") == "string" and not query.schema.keys() & {"enum", "pattern"}
    return query.schema | {"pattern": PLAIN_TEXT} if free else query.schema


def _operation_id(route: Route) -> str:
    return f"{route.handler}_{route.request}" if route.request is not None else route.handler


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {
        "description": "done",
        "content": {route.media: {"schema": _schema(route.answer, schemas, "serialization")}},
    }
    good["content"] |= {media: {"schema": {"type": "string"}} for media in route.other_media}
    responses = {str(route.status): good}
    if route.status == HTTPStatus.NO_CONTENT:
        del good["content"]
    if route.ranges:
        responses["206"] = good
    for status in sorted(_statuses(route)):
        model: Any = ProblemBody
        media = PROBLEM_JSON
        if status == 503 and route.roles is None:  # a probe's answer has the same shape whichever way it is
            model, media = route.answer, route.media
        content = {media: {"schema": _schema(model, schemas, "serialization")}}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return responses


def _statuses(route: Route) -> set[int]:
    """All error responses of a route."""
    statuses = {403, 415, 500, *route.faults}
    if route.ranges:
        statuses.add(416)
    if route.roles is not None:
        statuses |= {400, 401, 429}
    if route.body is not None:
        statuses |= set(_BODY_FAULTS)
    return statuses


def _schema(kind: Any, schemas: dict[str, Any], mode: Any) -> dict[str, Any]:
    """The schema of a type; its models are put into ``schemas``."""
    schema, models = _schema_and_models(kind, mode)
    schemas.update(models)
    if "title" in schema and schema.get("type") == "object":
        schemas[schema["title"]] = schema
        return {"$ref": _MODELS + schema["title"]}
    return schema


@functools.cache
def _schema_and_models(kind: Any, mode: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every route answers with the same problems: asked of pydantic for each of them, the document blocked the loop for a quarter
    of a second."""
    schema = TypeAdapter(kind).json_schema(ref_template=_MODELS + "{model}", mode=mode)
    return schema, schema.pop("$defs", {})
