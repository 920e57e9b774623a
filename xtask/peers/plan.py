"""Carries out a plan against targets and writes down what the client saw.

A plan is a list of steps; each ends in a result or an error, under its label. The scripts beside this
one say how their library does a step.
"""

import asyncio
import json
import sys


def plain(value):
    """What the library parsed, as the JSON it stands for."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return value


async def step(peer, step):
    do = step["do"]
    if do == "call":
        return await peer.call(step["tool"], step.get("arguments", {}))
    if do == "progress":
        seen = []

        async def progress(done, total, message):
            seen.append([done, total, message])

        result = plain(await peer.call(step["tool"], step.get("arguments", {}), progress))
        return {"result": result, "progress": seen}
    if do == "cancel":
        try:
            async with asyncio.timeout(step["after"]):
                await peer.call(step["tool"], step.get("arguments", {}))
        except TimeoutError:
            return "cancelled"
        return "ended before it was cancelled"
    return await getattr(peer, do)(**{key: value for key, value in step.items() if key not in ("do", "label")})


async def tour(connect, target):
    seen = {}
    async with connect(target) as peer:
        for each in target["steps"]:
            label = each.get("label", each["do"])
            try:
                async with asyncio.timeout(20):
                    seen[label] = plain(await step(peer, each))
            except Exception as error:  # A refusal is a result too; its text is compared.
                seen[label] = {"error": f"{type(error).__name__}: {error}"}
    return seen


async def main(connect):
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    seen = {}
    for target in plan["targets"]:
        try:
            seen[target["name"]] = await tour(connect, target)
        except BaseException as error:
            seen[target["name"]] = {"connect": {"error": describe(error)}}
    with open(sys.argv[2], "w") as file:
        json.dump(seen, file, indent=1)


def describe(error):
    inner = getattr(error, "exceptions", None)
    return describe(inner[0]) if inner else f"{type(error).__name__}: {error}"


ANSWERS = {"name": "Ada Lovelace", "check": True, "email": "ada@example.com", "integer": 7, "username": "ada"}


def accepted(schema):
    """The accepted content for a form: what it asks for and we know."""
    asked = (schema or {}).get("properties", {})
    return {key: value for key, value in ANSWERS.items() if key in asked}


def run(connect):
    asyncio.run(main(connect))
