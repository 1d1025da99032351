"""YAML with line numbers, duplicate keys refused, and scalars kept as the text users wrote."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from causalops.spec.problems import KeyPath, Problem

MAX_BYTES = 64 * 1024
MAX_DEPTH = 50
MAX_NODES = 200_000
MAX_PROBLEMS = 50

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_PRINTABLE = re.compile(
    "[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_STANDARD_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _STANDARD_TAG + name
    for name in "str int float bool null timestamp merge value seq map".split()  # noqa: SIM905
)
_TYPED_TAGS = frozenset(_STANDARD_TAG + name for name in ("bool", "int", "float", "null"))


@dataclass(frozen=True)
class Document:
    """A read file: plain data, the line of every key path, and what is wrong with it."""

    file: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of its nearest known parent."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def at(self, *path: str | int) -> Document:
        """The document below `path`, with lines relative to it; None where nothing is there."""
        data = self.data
        for key in path:
            if isinstance(data, dict):
                data = data.get(key)
            elif isinstance(data, list) and isinstance(key, int) and key < len(data):
                data = data[key]
            else:
                data = None
        size = len(path)
        lines = {key[size:]: line for key, line in self.lines.items() if key[:size] == path}
        return Document(self.file, data, lines)


def read_yaml(
    text: str, file: str, first_line: int = 1, *, typed: bool = False, max_bytes: int = MAX_BYTES
) -> Document:
    """Read one YAML document; never raises.

    With `typed`, plain scalars get dbt's own types (booleans, numbers, null; dates stay text) and
    aliases are followed; otherwise every scalar is text and aliases are refused.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        message = f"the text has {size} bytes; the limit is {max_bytes}"
        return Document(file, None, problems=(Problem(file, message),))
    bad = _NOT_PRINTABLE.search(text)
    if bad:
        line = first_line + text.count("\n", 0, bad.start())
        problem = Problem(file, "character {value} is not allowed", line, value=bad.group())
        return Document(file, None, problems=(problem,))
    try:
        too_deep = _depth_problem(text, file, first_line)
        if too_deep:
            return Document(file, None, problems=(too_deep,))
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        return Document(file, None, problems=(_syntax_problem(error, file, first_line),))
    reader = _Reader(file, first_line, typed)
    data = None if node is None else reader.convert(node, ())
    return Document(file, data, reader.lines, tuple(reader.problems[:MAX_PROBLEMS]))


def _depth_problem(text: str, file: str, first_line: int) -> Problem | None:
    """A problem when the text nests deeper than a recursive parser should be asked to follow.

    Raises YAMLError on broken syntax. Events come one by one, whatever the depth.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = first_line + (event.start_mark.line if event.start_mark else 0)
            return Problem(file, "the structure is too deep", line)
    return None


def _syntax_problem(error: yaml.YAMLError, file: str, first_line: int) -> Problem:
    mark = getattr(error, "problem_mark", None)
    detail = getattr(error, "problem", None) or str(error).splitlines()[0]
    line = None if mark is None else first_line + mark.line
    return Problem(file, f"this is not valid YAML: {detail}", line)


class _Reader:
    """Turns a node tree into data, collecting lines and problems."""

    def __init__(self, file: str, first_line: int, typed: bool) -> None:
        self.file, self.first_line, self.typed = file, first_line, typed
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._count = 0
        self._stopped = False
        self._scalars = yaml.constructor.SafeConstructor()

    def convert(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, self._line(node))
        self._count += 1
        if len(path) > 2 * MAX_DEPTH or self._count > MAX_NODES:
            if not self._stopped:
                self._problem("the structure is too deep or too large", node, path[:10])
            self._stopped = True
            return None
        if id(node) in self._seen and not self.typed:
            text = "anchors and aliases are not allowed here"
            self.problems.append(Problem(self.file, text, self.lines[path], path))
            return None
        self._seen.add(id(node))
        if node.tag not in _PLAIN_TAGS:
            self._problem("tag {value} is not allowed", node, path, node.tag)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem("a key must be plain text", key_node, path)
                continue
            if self.typed and key_node.tag == _STANDARD_TAG + "merge":
                merged |= self._merged(value_node, path)
                continue
            key = self._scalar(key_node)
            here = (*path, key if isinstance(key, str) else key_node.value)
            if key in result:
                self._problem("key {value} is given twice", key_node, here, key_node.value)
                continue
            self.lines[here] = self._line(key_node)
            result[key] = self.convert(value_node, here)
        return {**merged, **result}

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[Any, Any]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[Any, Any] = {}
        for source in reversed(sources):
            data = self.convert(source, (*path, "<<"))
            result |= data if isinstance(data, dict) else {}
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        if self.typed and node.tag in _TYPED_TAGS:
            try:
                return self._scalars.construct_object(node)
            except ValueError:
                return node.value
        return node.value

    def _line(self, node: yaml.Node) -> int:
        return self.first_line + int(node.start_mark.line)

    def _problem(
        self, message: str, node: yaml.Node, path: KeyPath, value: str | None = None
    ) -> None:
        self.problems.append(Problem(self.file, message, self._line(node), path, value))
