"""Looking at a graph: a table of its layers, and a drawing."""

from __future__ import annotations

import io
import math

from mpsnn import _core
from mpsnn.values import Nodes

_BYTES = {"float32": 4, "int32": 4, "uint8": 1, "float16": 2, "bfloat16": 2, "float64": 8}


class Inspection(Nodes):
    """A graph that can be looked at."""

    def summary(self) -> str:
        """A table of the nodes: name, op, shape of the output, parameters, and bytes.

        Bytes are those of the output of one image. A parameter that several nodes read counts
        once, at the first.
        """
        from rich.console import Console  # here, because importing it takes a while
        from rich.table import Table

        table = Table(title="Graph", title_justify="left")
        table.add_column("layer", overflow="fold")
        table.add_column("op")
        for column in ("output", "parameters", "bytes"):
            table.add_column(column, justify="right")
        nodes = _core.nodes(self.core)
        sizes = {n.outputs[0]: self._size(n.outputs[0]) for n in nodes if n.parameter}
        trainable = sum(sizes[n.outputs[0]] for n in nodes if n.trainable)
        total, counted = sum(sizes.values()), set[_core.ValueId]()
        for node in nodes:
            if node.parameter or not node.outputs:
                continue
            own = {v for v in node.inputs if v in sizes} - counted
            counted |= own
            y = node.outputs[0]
            shape = "x".join(map(str, self.core.shape(y))) or "()"
            size = self._size(y) * _BYTES[self.core.dtype(y)]
            op = node.op + (" gradient" if node.gradient else "")
            table.add_row(node.label, op, shape, f"{sum(sizes[v] for v in own):,}", f"{size:,}")
        table.caption = f"{total:,} parameters, {trainable:,} of them trainable"
        table.caption_justify = "left"
        text = io.StringIO()
        Console(file=text, width=100, color_system=None).print(table)
        return text.getvalue()

    def to_dot(self) -> str:
        """The graph in the language of Graphviz: one box per node, one arrow per value.

        Draw it with `dot -Tsvg`. Parameters are left out; gradient nodes are dashed.
        """
        nodes = [n for n in _core.nodes(self.core) if not n.parameter]
        source = {v: i for i, n in enumerate(nodes) for v in n.outputs if v.index >= 0}
        lines = ["digraph {", "  node [shape=box, fontname=Helvetica]"]
        for i, node in enumerate(nodes):
            title = node.op + (" gradient" if node.gradient else "")
            text = title if not node.label else f"{title}\\n{_quoted(node.label)}"
            style = ", style=dashed" if node.gradient else ""
            lines.append(f'  n{i} [label="{text}"{style}]')
            for v in node.inputs:
                if v in source:
                    shape = "x".join(map(str, self.core.shape(v)))
                    lines.append(f'  n{source[v]} -> n{i} [label="{shape}"]')
        return "\n".join([*lines, "}", ""])

    def _size(self, value: _core.ValueId) -> int:
        return math.prod(self.core.shape(value))


def _quoted(text: str) -> str:
    """Safe between double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
