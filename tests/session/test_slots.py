"""What a session weighs."""

from __future__ import annotations

import ast
import inspect
import textwrap

from ftpsd.session.state import Session


def test_every_attribute_of_a_session_has_a_slot() -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(Session)))
    assigned = {
        node.attr for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name) and node.value.id == "self"
    }
    assert assigned
    assert assigned <= set(Session.__slots__)
