"""Compares what a server answered (a JSON list on standard input) with its OpenAPI
description: every answer is described, and everything described was answered."""

import json
import re
import sys

from jsonschema import Draft202012Validator

with open(sys.argv[1], encoding="utf-8") as file:
    description = json.load(file)
components = {"components": description["components"]}


def resolved(part):
    while "$ref" in part:
        names = part["$ref"].removeprefix("#/").split("/")
        part = description
        for name in names:
            part = part[name]
    return part


def pattern(path):
    """What a path's parameters stand for is one segment."""
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


described = {}
for path, item in description["paths"].items():
    for method in item.keys() - {"parameters"}:
        for status, response in item[method]["responses"].items():
            described[method.upper(), path, int(status)] = resolved(response)

wrong, answered = [], set()
for answer in json.load(sys.stdin):
    asked = f"{answer['method']} {answer['path']}: {answer['status']}"
    path = answer["path"].split("?")[0]
    matching = [known for known in description["paths"] if pattern(known).fullmatch(path)]
    # A path without parameters goes first.
    known = min(matching, key=lambda known: known.count("{"))
    key = (answer["method"], known, answer["status"])
    answered.add(key)
    if key not in described:
        wrong.append(f"{asked} is not described: {answer['body']}")
        continue
    for name, header in described[key].get("headers", {}).items():
        if header.get("required") and name.lower() not in answer["headers"]:
            wrong.append(f"{asked} has no {name}")
    content = described[key]["content"]
    kind = answer["headers"]["content-type"]
    if kind not in content:
        wrong.append(f"{asked} is {kind}, not {list(content)}")
        continue
    validator = Draft202012Validator(content[kind]["schema"] | components)
    for error in validator.iter_errors(answer["body"]):
        wrong.append(f"{asked}: {error.json_path}: {error.message}")

wrong += [f"{' '.join(map(str, key))} was never answered" for key in described.keys() - answered]
sys.exit("\n".join(wrong) or 0)
