"""Skeletons show what a file offers and nothing of how."""

import ast

from onnx_export.pretrain.skeleton import signatures_by_name

MODULE = '''\
"""Docs."""
LIMIT = 3

def connect(host: str, port: int = 80, *, tls=True) -> "Connection":
    """Connect."""
    return Connection()

class Connection(Base, metaclass=Meta):
    """A connection."""
    timeout: float = 1.0
    _secret = 1

    def __init__(self, sock):
        self.sock = sock

    @property
    def peer(self) -> str:
        return self.sock.peer

    def _read(self): ...

class Empty(Exception):
    pass
'''


def check_signature(name: str, expected: str) -> None:
    assert expected == signatures_by_name(ast.parse(MODULE))[name]


def test_function_is_its_head() -> None:
    """Types and defaults stay, the body goes."""
    check_signature("connect", "def connect(host: str, port: int=80, *, tls=True) -> 'Connection': ...")


def test_class_shows_its_public_members() -> None:
    """Fields and methods are indented below the class; private ones are left out."""
    check_signature(
        "Connection",
        "class Connection(Base, metaclass=Meta):\n"
        "    timeout: float = 1.0\n"
        "    def __init__(self, sock): ...\n"
        "    @property\n"
        "    def peer(self) -> str: ...",
    )


def test_empty_class_is_one_line() -> None:
    """A class without members is complete in its head."""
    check_signature("Empty", "class Empty(Exception): ...")


def test_constant_shows_a_short_value() -> None:
    """Short values say what a name is for."""
    check_signature("LIMIT", "LIMIT = 3")
