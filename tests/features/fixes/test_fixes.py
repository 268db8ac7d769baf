"""Problems and the fixes that the checkers accept: `$0` is where the problem is."""

from collections.abc import Callable
from typing import Any

import pytest

from devstral_ls.features.fixes import Fix
from devstral_ls.text import apply_edits

CASES = {
    "misspelt name": ("import json\n\n\ndef f(x):\n    return $0jsn.loads(x)\n", "json.loads"),
    "missing import": ("def f():\n    return $0os.getcwd()\n", "import os\n\ndef f"),
    "name from the standard library": ("x = $0defaultdict(list)\n", "from collections import defaultdict\n\nx ="),
    "member without self": (
        "class A:\n    def a(self):\n        return 1\n\n    def b(self):\n        return $0a()\n",
        "return self.a()",
    ),
    "binding renamed": ("def f(xs):\n    totals = sum(xs)\n    return $0total, total\n", "    total = sum(xs)\n"),
    "missing colon": ("def f(x)$0\n    return x\n", "def f(x):\n"),
    "missing bracket": ("def f(x):\n    return (x + 1$0\n\n\ny = f(1)\n", "return (x + 1)\n"),
    "bracket that was never opened": ("def f(x):\n    print$0x)\n", "print(x)"),
    "bracket of another kind": ("def f(x):\n    return [x, 1$0)\n", "[x, 1]"),
    "misspelt keyword": ("def f(x):\n    whlie$0 x:\n        x -= 1\n", "    while x:\n"),
    "open string": ('def f():\n    return $0"abc\n', 'return "abc"\n'),
    "wrong indentation": ("def f(x):\n    y = x\n  $0    z = y\n    return z\n", "    y = x\n    z = y\n"),
    "return outside of its function": ("def f(x):\n    y = x\n$0return y\n", "    y = x\n    return y\n"),
    "wrong attribute": ("import json\n\nx = json.$0lods('1')\n", "json.loads('1')"),
    "wrong argument name": ("open('a', $0enconding='utf-8')\n", "encoding='utf-8'"),
    "argument left out": (
        "def f(size: int, name: str) -> str:\n    return name * size\n\n\nsize = 3\nf($0name='a')\n",
        "f(size, name='a')",
    ),
    "missing await": (
        "async def a() -> str:\n    return ''\n\n\nasync def b() -> str:\n    return $0a()\n",
        "return await a()",
    ),
    "missing return": ("def f(x: int) -> $0int:\n    x + 1\n", "    return x + 1\n"),
    "literal of the wrong type": ("import time\n\ntime.sleep($0'3')\n", "time.sleep(3)"),
    "unused import": ("import $0os\nx = 1\n", "x = 1\n"),
    "parameter is not renamed": ("def f(pattern: str):\n    return $0patteen\n", "return pattern\n"),
    "missing colon of an annotation": (
        "def f(\n    a: int,\n    b $0int,\n) -> int:\n    return a + b\n",
        "    b: int,\n",
    ),
    "missing bracket at the end of a line": (
        "def f$0\n    a: int,\n) -> int:\n    return a\n",
        "def f(\n    a: int,\n",
    ),
    "line outside of its method": (
        "class A:\n    def f(self):\n        self.x = 1\n    $0self.y = 2\n",
        "        self.x = 1\n        self.y = 2\n",
    ),
    "unused and misspelt": ("def f(a):\n    total = 0\n    $0totl = a\n    return total\n", "    total = a\n"),
    "argument that other calls pass": (
        "def f(kind: str) -> None: ...\n\n\nf('a')\nf('a')\nf($0)\n",
        "f('a')\nf('a')\nf(\"a\")\n",
    ),
    "argument that nothing uses now": (
        "def g(text: str) -> str:\n    return text\n\n\ndef f(word: str) -> str:\n    return $0g()\n",
        "return g(word)",
    ),
    "own name of a type variable": ("from typing import TypeVar\n\nT = $0TypeVar()\n", 'T = TypeVar("T")'),
    "bytes for a type": ("class A:\n    def f(self, other: $0b'A') -> None: ...\n", "other: 'A'"),
    "literal that is assigned above": (
        "import time\n\nDELAY = '3'\n\n\ndef f() -> None:\n    time.sleep($0DELAY)\n",
        "DELAY = 3\n",
    ),
    "useless line above": (
        (
            "import re\n\n\ndef f(x: str) -> str | None:\n    m = re.match('a', x)\n    if not m:\n        None\n"
            "    return m.$0group(1)\n"
        ),
        "        return None\n",
    ),
    "name at several places": (
        "def f(pattern: str) -> str:\n    if $0patern:\n        return patern\n    return patern + pattern\n",
        "    if pattern:\n        return pattern\n    return pattern + pattern\n",
    ),
    "bracket in a long table": (
        "table = {\n"
        + "".join(f"    {i}: {{'a': {i}}},\n" for i in range(40))
        + "    40: $0'a': 1},\n    41: {'a': 2},\n}\n",
        "    40: {'a': 1},\n",
    ),
    "nearest indentation": (
        "def f(x):\n    if x:\n        return x\n     $0y = x\n    return y\n",
        "    y = x\n    return y\n",
    ),
    "return outside of its function, seen from its header": (
        "def f(x: int) -> $0int:\n    if x:\n        y = x\n        return y\n",
        "    return y\n",
    ),
}


@pytest.mark.parametrize(("before", "shown"), CASES.values(), ids=CASES)
def test_a_problem_is_fixed(fix_at: Callable[..., Fix | None], before: str, shown: str) -> None:
    """The proven text holds what was meant."""
    fix = fix_at(before)
    assert fix is not None
    assert shown in applied(before, fix)


def test_an_import_is_written_as_the_project_writes_it(check_fix: Callable[..., Fix]) -> None:
    """Other texts of the project say where a name comes from and what it is called."""
    check_fix(
        "import os\nimport sys\n\nprint(os, sys, $0j.dumps(1))\n",
        "import json as j\nimport os\nimport sys\n\nprint(os, sys, j.dumps(1))\n",
        other="import json as j\n\nj\n",
    )


def test_a_name_joins_the_import_of_its_module(check_fix: Callable[..., Fix]) -> None:
    """A statement that imports from the same module takes the name, in the order of the alphabet."""
    check_fix(
        "from typing import Any, cast\n\nx: Any = cast(int, 1)\ny: $0Annotated[int, 1]\n",
        "from typing import Annotated, Any, cast\n\nx: Any = cast(int, 1)\ny: Annotated[int, 1]\n",
    )


def test_the_title_says_what_was_proven(fix_at: Callable[..., Fix | None]) -> None:
    """A reader of the menu sees the problem, the change, the judges and the time."""
    fix = fix_at("import json\n\njson = $0jsn\n")
    assert fix is not None
    assert fix.title.startswith("Fix: Undefined name 'jsn': jsn → json · verified by ruff and ty, ")


@pytest.mark.parametrize(
    "before",
    [
        "print($0frobnicate)\n",
        "x = $0q\nn = 1\n",
        "from elsewhere import a\n\na.b(c$0)\n",
    ],
)
def test_what_nobody_can_know_is_not_guessed(fix_at: Callable[..., Fix | None], before: str) -> None:
    """Without a likely candidate there is no fix."""
    assert fix_at(before) is None


def test_a_new_problem_is_not_taken_for_an_old_one(fix_at: Callable[..., Fix | None]) -> None:
    """Closing a bracket shows older problems, but the fix may not make one of its own."""
    fix = fix_at("import os\n\n\ndef f(x):\n    return (x + 1$0\n")
    assert fix is not None
    assert "return (x + 1)\n" in applied("import os\n\n\ndef f(x):\n    return (x + 1$0\n", fix)


def applied(before: str, fix: Fix) -> str:
    return apply_edits(before.replace("$0", ""), fix.edits)


def test_crlf_and_wide_characters_keep_their_places(check_fix: Callable[..., Any]) -> None:
    """Offsets hold beside characters outside the first plane and in Windows line endings."""
    check_fix(
        "import json\r\n\r\nx = '😀', $0jsn.loads('1')\r\n",
        "import json\r\n\r\nx = '😀', json.loads('1')\r\n",
    )
