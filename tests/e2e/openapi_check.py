"""Answers of the control API, held against its OpenAPI document: that the route may answer so, with that type, and with
nothing in it but what is described. Without python3-jsonschema what is in it is not looked at."""

import json
import os
import re

try:
    import jsonschema
except ImportError:
    if os.environ.get("CI") == "true":
        raise
    jsonschema = None

# What may be said of a route that is not described, or not with that method.
REFUSALS = (401, 403, 404, 405, 421)


class WrongAnswer(AssertionError):
    """An answer that is not as it is described: which route's, and why."""

    def __init__(self, route, why, what):
        super().__init__(f"{what}: {why}")
        self.route = route
        self.why = why


class Description:
    def __init__(self, document):
        self.document = document
        self.problem = document["components"]["responses"]["Problem"]["content"]
        self.shapes = [(re.compile(re.escape(shape).replace(r"\{id\}", "[^/]+")), shape, methods)
                       for shape, methods in document["paths"].items()]
        self.validators = {}

    def routes(self):
        """All that is described, as "GET /calls/{id}"."""
        return {f"{method.upper()} {shape}" for _, shape, methods in self.shapes for method in methods}

    def operation(self, method, path):
        """The shape of that path, and what is described of that method of it; None where nothing is."""
        for pattern, shape, methods in self.shapes:
            if pattern.fullmatch(path):
                return shape, methods.get({"HEAD": "get"}.get(method, method.lower()))
        return None, None

    def check(self, method, path, status, headers, body):
        """Raises WrongAnswer unless the answer is as it is described. `path` is what stands after /api/v1, without the
        query; `headers` can be asked by their names in lower case; a `body` of None is not known. Returns the route as
        "GET /calls/{id}", or None if it is not described."""
        shape, operation = self.operation(method, path)

        def want(so, why):
            if not so:
                raise WrongAnswer(f"{method} {shape}", why, f"{method} {path} -> {status} {(body or b'')[:300]}")

        if operation is None:
            want(status in REFUSALS, "nothing of the kind is described")
            content = self.problem
        else:
            described = operation["responses"].get(str(status))
            want(described is not None or status >= 400, "the status is not described")
            content = self.problem if described is None else described.get("content")
        want(headers.get("cache-control") == "no-store", f"Cache-Control is {headers.get('cache-control')}")
        want(headers.get("x-content-type-options") == "nosniff",
             f"X-Content-Type-Options is {headers.get('x-content-type-options')}")
        if content is None:
            want(not body, "it has a body, and none is described")
        else:
            type_ = (headers.get("content-type") or "").split(";")[0]
            want(type_ in content, f"the type is {type_}, not {' or '.join(content)}")
            if method == "HEAD":
                want(not body, "an answer to HEAD has a body")
            elif "json" in type_ and body is not None:
                self.check_json(content[type_]["schema"], body, want)
        return operation and f"{method} {shape}"

    def check_json(self, schema, body, want):
        try:
            value = json.loads(body)
        except ValueError as error:
            want(False, f"no JSON: {error}")
        if jsonschema is None:
            return
        validator = self.validators.get(id(schema))
        if validator is None:
            whole = {**schema, "components": self.document["components"]}
            validator = self.validators[id(schema)] = jsonschema.Draft202012Validator(whole)
        for error in validator.iter_errors(value):
            want(False, f"{error.message} at {'/'.join(map(str, error.path)) or 'the top'}")
