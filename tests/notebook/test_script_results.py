"""Notebooks run by a real kernel and as exported scripts by a bare interpreter: both print the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from jupyter_mltrain.notebook.script import Script, export_script

BARE = [sys.executable, "-S", "-I"]  # the standard library alone: no IPython, no site-packages
SHAPES = [
    (r"\x1b\[[0-9;]*m", ""),
    (r"\r\n", "\n"),
    (r"0x[0-9a-f]+", "0x0"),
    (r"^The slowest run took .*\n", ""),
    (r"\d+(\.\d+)?(e[+-]\d+)? (ns|μs|ms|s)\b", "TIME"),
]

NOTEBOOKS: dict[str, list[str]] = {
    # This one is the first, so that its cells have the numbers that it asks for.
    "history": [
        "'first'",
        "_ + '!'",
        "__",
        "x = 3",
        "_",
        "_1",
        "_2, Out[1]",
        "sorted(Out)",
        "for _ in range(2): pass",
        "'again'",
        "_",
    ],
    "plain": [
        "x = 1\ny = 2",
        "x + y",
        "print('hi')\nx",
        "x;",
        "'text'",
        "None",
        "1, 2",
        "# only a comment",
        "(\n1 +\n2\n)",
    ],
    "last-expression": [
        "for i in range(3):\n    i",
        "if True:\n    5",
        "x = 5; x",
        "x; # quiet",
        "x  # shown",
        "lambda: 1;",
        "'''a\nb'''",
        "*[1], 2",
        "[\n  1,  # one\n  2,\n]",
        "print('a'); 3",
        "...",
    ],
    "long-results": [
        "list(range(60))",
        "{f'key{i}': list(range(i)) for i in range(12)}",
        "set(range(40))",
        "('a' * 50, 'b' * 50)",
        "list(range(2000))[990:]",
        "list(range(1001))",
    ],
    "kinds-of-results": [
        "import collections, re, types\nclass A: pass\ndef f(a, b=2): return a",
        "A",
        "f",
        "[int, A, f, len]",
        "ValueError('x', 3)",
        "re.compile(r'a\\d+', re.I)",
        "collections.Counter('abracadabra')",
        "collections.defaultdict(list, {1: [2]})",
        "collections.OrderedDict(a=1)",
        "collections.deque([1, 2], maxlen=3)",
        "types.SimpleNamespace(a=1, b='x')",
        "frozenset({3, 1, 2})",
        "{}, [], (), set()",
        "A()",
        "class B:\n    def __repr__(self):\n        return 'line one\\nline two'\n[B(), B()]",
        "class C:\n    def _repr_pretty_(self, p, cycle):\n        with p.group(2, 'C(', ')'):\n            p.pretty([1, 2])\nC()",
        "l = [1]\nl.append(l)\nl",
        "1.5, 1e100, 3j, True, b'x'",
    ],
    "own-display": [
        "class D:\n    def _ipython_display_(self):\n        print('shown by itself')\nD()",
        "display(D())",
    ],
    "display": [
        "from IPython.display import HTML, Markdown, clear_output, display",
        "display('text', 1, [1, 2])",
        "display(HTML('<b>x</b>'))",
        "HTML('<b>y</b>')",
        "Markdown('*z*')",
        "display({'text/plain': 'as it is'}, raw=True)",
        "display(None)",
        "import IPython.display as ipd\nipd.display(3)\nipd.HTML('x')",
        "import IPython\nIPython.display.display('again')",
        "from IPython.display import display as show_it, Image as Img\nshow_it(5)",
        "def inner():\n    from IPython.display import display\n    display('inner')\ninner()",
    ],
    "display-without-import": [
        "display(1)",
        "for i in range(2):\n    display(f'{i}')",
        "display(display)"[:0] or "display([3])",
    ],
    "history": [
        "'first'",
        "_ + '!'",
        "__",
        "x = 3",
        "_",
        "_1",
        "_2, Out[1]",
        "sorted(Out)",
        "for _ in range(2): pass",
        "'again'",
        "_",
    ],
    "shell": [
        "!echo hello",
        "x = 3\nname = 'w o'",
        "!echo {x} $x {x + 1} {name!r}",
        "!echo $HOME | wc -l",
        "!echo $$ | grep -c .",
        "!echo '$x' {x}",
        "if x:\n    !echo inside {x}\n    print('after')",
        "def f(z):\n    !echo local {z} $x\n    return z\nf(4)",
        "!exit 3",
        "print(_exit_code)",
        "!kill -9 $$",
        "print(_exit_code)",
        "!echo one \\\n  two",
        "!echo to stderr >&2",
        "!printf 'no newline'",
        "print()",
        "!awk 'BEGIN {print $1 + 1}'",
        "import subprocess, sys",
        "!{sys.executable} -c 'print(1)'",
        "!for i in 1 2; do echo $i; done",
        "!echo ünïcödé",
    ],
    "shell-output": [
        "x = !printf 'a 1\\nb 2\\nc 10\\n'",
        "x",
        "x.n, x.s, x.l, len(x)",
        "x.grep('b')",
        "x.grep('^[ab]', prune=True)",
        "x.grep('1', field=1)",
        "x.fields(1), x.fields(), x.fields(1, 0)",
        "x.sort(1, nums=True)",
        "!!echo captured",
        "y = !echo {x.s} 2>&1",
        "y",
        "%sx echo sx",
        "z = %system echo sys\nz",
        "y.p",
        "type(x).__name__ in ('SList', 'Lines'), isinstance(x, list)",
        "for line in x:\n    w = !echo {line}\n    print(w)",
    ],
    "files": [
        "%%writefile a.txt\nfirst\n\tsecond \\n '''x''' \"\"\"y\"\"\"",
        "%%writefile -a a.txt\nthird {x} $y",
        "print(open('a.txt').read())",
        "%%writefile a.txt\nover",
        "%%file b.txt\nb",
        "n = 'c'",
        "%%writefile {n}.txt\nnamed",
        "%cat c.txt",
        "%mkdir sub",
        "%ls",
        "%cp a.txt sub/x.txt",
        "%mv b.txt sub/",
        "%rm c.txt",
        "%ls sub",
        "!ls",
        "%%writefile 'with space.txt'\nx",
        "import os\nsorted(os.listdir('.'))",
    ],
    "folders": [
        "import os\nos.makedirs('one/two')\nname = 'two'",
        "start = %pwd",
        "%cd -q one",
        "os.path.relpath(os.getcwd(), start)",
        "%cd -q {name}",
        "here = %pwd\nos.path.relpath(here, start)",
        "%cd -q -",
        "os.path.relpath(os.getcwd(), start)",
        "%cd -q $start",
        "os.getcwd() == start",
        "%cd -q missing",
        "os.getcwd() == start",
        "def go():\n    %cd -q one\n    return os.path.basename(os.getcwd())\ngo()",
    ],
    "environment": [
        "%env MLT_A=one two",
        "%env MLT_A",
        "a = %env MLT_A\na",
        "%env MLT_B three",
        "%set_env MLT_C = four",
        "v = 'five'",
        "%env MLT_D=$v",
        "%env MLT_E={v}-{len(v)}",
        "import os\n[os.environ[f'MLT_{c}'] for c in 'ABCDE']",
        "e = %env\nsorted(k for k in e if k.startswith('MLT_')), e['MLT_A']",
        "!echo $MLT_A",
    ],
    "time": [
        "%time x = sum(range(1000))",
        "x",
        "%time x + 1",
        "%time print('timed')",
        "y = %time x * 2\ny",
        "%time 'quiet';",
        "%%time\na = 1\na + 1",
        "%%time\nprint('cell')\nfor i in range(2):\n    print(i)",
        "%%time\nb = 5;",
        "def f():\n    q = 2\n    %time w = q + 1\nf()",
        "%%time\n# nothing but this\n!echo inside\n%time 3",
        "%%time\n'a', 'b'",
    ],
    "timeit": [
        "%timeit -n 10 -r 2 sum(range(10))",
        "x = 3",
        "r = %timeit -n1 -r1 -o -q x + 1\nr.loops, r.repeat, len(r.all_runs), r.best <= r.average",
        "%%timeit -n2 -r3 k = x\nz = k + 1\nz",
        "%timeit -n1 -r1 pass; pass",
        "def f(v):\n    %timeit -n1 -r1 v * x\nf(2)",
        "%timeit -q -n1 -r1 -v s x",
        "s.loops",
        "%timeit -r1 -n1000 -p 5 x",
    ],
    "capture": [
        "%%capture out\nprint('kept')\nimport sys\nprint('err', file=sys.stderr)\ndisplay('shown')\n1 + 1",
        "out.stdout, out.stderr, len(out.outputs)",
        "out.outputs[-1].data['text/plain']",
        "out.show()",
        "str(out)",
        "%%capture\nprint('gone')\n!echo gone too",
        "%%capture --no-stdout o2\nprint('through')\n'kept'",
        "o2.stdout, len(o2.outputs)",
        "%%capture o3\n!echo from the shell",
        "o3.stdout.strip()",
        "%%capture o4\n%%time\nprint('nested')",
        "o4.stdout.splitlines()[0]",
        "%%capture --no-display o5\n'displayed'",
        "o5()",
    ],
    "programs": [
        "%%bash\necho bash $((1 + 2))\nfor i in a b; do\n  echo $i\ndone",
        "%%sh\necho 'sh \"quoted\" \\ back'",
        "%%script sh -s one two\necho $1 $2",
        "x = 'val'",
        '%%bash -s {x}\necho "$1" {x}',
        "%%bash --out o --err e\necho out\necho err >&2",
        "o, e",
        "%%bash --out only\necho only",
        "only",
        "%%bash --no-raise-error\necho before\nexit 3",
        "%%script nosuchprogram\nx",
        "%%sx\necho in sx",
        "%%!\necho in bang",
        "%%bash\nprintf 'no newline'",
    ],
    "run": [
        "%%writefile prog_run.py\nimport sys\nprint('argv', sys.argv[1:], __name__)\nvalue = len(sys.argv)\ndef helper():\n    return value\nif __name__ == '__main__':\n    print('main')",
        "%run prog_run.py a 'b c' 3",
        "value, helper()",
        "%run prog_run -x",
        "n = 7",
        "%run prog_run.py {n} $n",
        "%%writefile inner_run.py\nprint(n)\nn = n + 1",
        "%run -i inner_run.py",
        "n",
        "%run -n prog_run.py",
        "%%writefile exit_run.py\nimport sys\nkept = 1\nsys.exit(0)",
        "%run exit_run.py",
        "kept",
        "%run -m prog_run q",
        "__name__",
        "import os\n'__file__' in globals()",
    ],
    "await": [
        "import asyncio\nasync def add(a, b):\n    await asyncio.sleep(0)\n    return a + b",
        "await add(1, 2)",
        "x = await add(3, 4)\nx",
        "print(await add(1, 1), await add(2, 2))",
        "for i in range(2):\n    print(await add(i, 1))",
        "[await add(i, 1) for i in range(3)]",
        "async def gen():\n    for i in range(3):\n        yield i",
        "[i async for i in gen()]",
        "async for i in gen():\n    print(i)\nelse:\n    last = i",
        "last",
        "lock = asyncio.Lock()\nasync with lock:\n    inside: int = await add(5, 5)\n    class K: pass\ninside, K",
        "try:\n    async with asyncio.timeout(0.01):\n        await asyncio.sleep(10)\nexcept TimeoutError:\n    print('timed out')",
        "results = []\nasync def work(n):\n    await asyncio.sleep(0)\n    results.append(n)\nasync with asyncio.TaskGroup() as group:\n    for n in range(3):\n        group.create_task(work(n))\nsorted(results)",
        "task = asyncio.create_task(add(10, 20))",
        "await task",
        "async def background():\n    results.append('ran')\nkeep = asyncio.ensure_future(background())",
        "results[-1]",
        "(await asyncio.gather(add(1, 1), add(2, 2)))",
        "y = [\n    await add(1, 2),  # a comment\n    (await add(await add(1, 1), 3)),\n]\ny",
        "text = '''await in a string'''\ntext",
        "asyncio.get_running_loop() is asyncio.get_event_loop()",
        "a = 1; b = [i async for i in gen()]; b",
        "async with lock: q = '''two\n  lines'''\nq",
    ],
    "indented-and-strings": [
        "s = '''\n%time not a magic\n!echo no\n%%bash\n'''\nprint(s)",
        "# !echo in a comment\n# %time x",
        "f'{1}' '%s' % 3",
        "a = 7\na %2",
        "b = (a\n%3)\nb",
        "class A:\n    def m(self):\n        v = !echo method\n        return v[0]\nA().m()",
        "try:\n    !echo try\nfinally:\n    %matplotlib inline\n    pass",
        "if a: print('one line')",
        "with open('x.txt', 'w') as file:\n    file.write('q')\n    !cat x.txt",
        "    indented = 1\n    indented",
        ">>> p = 3\n>>> p",
        "\n\n%time 3",
    ],
    "ignored": [
        "%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\n%load_ext autoreload\n%autoreload 0\nx = 5\nx",
        "def f():\n    %config InlineBackend.figure_format = 'png'\nf()",
        "if x:\n    %autoreload 0",
    ],
    "get_ipython": [
        "ip = get_ipython()\nip.system('echo system')",
        "ip.getoutput('echo output')",
        "ip.run_line_magic('env', 'MLT_IP=1')",
        "import os\nos.environ['MLT_IP']",
        "x = 3\nip.system('echo {x}')",
        "ip.run_cell_magic('bash', '', 'echo cell')",
        "get_ipython().run_line_magic('time', 'x + 1')",
        "get_ipython().system('echo plain')",
        "'x' in ip.user_ns",
        "hasattr(ip, 'nosuchthing')",
        "from IPython import get_ipython\nget_ipython() is ip",
    ],
    "all-expressions": [
        "from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.ast_node_interactivity = 'all'",
        "1\n2\nx = 3",
        "for i in range(2):\n    i\ndef f():\n    7\nf()",
        "%config InteractiveShell.ast_node_interactivity = 'last_expr_or_assign'",
        "y = 8",
        "%config InteractiveShell.ast_node_interactivity = 'last_expr'",
        "1\n2",
    ],
    "automagic": ["pwd = 3", "pwd", "env MLT_AUTO=1", "import os\nos.environ['MLT_AUTO']", "mkdir auto", "ls"],
    "names-of-the-script": [
        "list = [1, 2]\nprint_ = print\nstr = 'shadowed'\ntime = 3\nsys = 'x'\nlen = None\n_nb = 'mine'",
        "list",
        "!echo {list[0]}",
        "%time _nb",
        "%%bash\necho ok",
        "isinstance = 1\ndict = 2\n{1: [2]}",
    ],
    "future": [
        "from __future__ import annotations",
        "def f(x: NotDefined): pass\nf.__annotations__",
        "x = 1\nglobal x",
    ],
    "reset": ["a = 1", "%reset -f", "'a' in globals()"],
    "main": [
        "import multiprocessing",
        "def square(x):\n    return x * x\nif __name__ == '__main__':\n    with multiprocessing.get_context('fork').Pool(2) as pool:\n        print(pool.map(square, [1, 2, 3]))",
        "__name__",
    ],
    "spawn": [
        "%%writefile spawned_module.py\ndef work(x):\n    return x + 1",
        "import multiprocessing, sys\nsys.path.insert(0, '.')\nimport spawned_module\nprint('once')",
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n    print(pool.map(spawned_module.work, [1]))",
        "try:\n    print(__file__)\nexcept NameError:\n    print('a notebook')",
    ],
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each notebook prints and shows: all run by one kernel, each in an empty folder and namespace."""
    cells: list[Any] = []
    begins: dict[str, int] = {}
    for name, sources in NOTEBOOKS.items():
        folder = tmp_path_factory.mktemp("notebook")
        if cells:
            cells.append(nbformat.v4.new_code_cell(f"%reset -f\n__spec__ = None\n__import__('os').chdir({str(folder)!r})"))
        begins[name] = len(cells)
        cells += [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return {
        name: "".join(shown(cell) for cell in notebook.cells[begin : begin + len(NOTEBOOKS[name])])
        for name, begin in begins.items()
    }


def shown(cell: Any) -> str:
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            texts.append(output.data["text/plain"] + "\n")
    return "".join(texts)


def shape(text: str) -> str:
    """Reduce text to what does not differ from one run to the next."""
    for pattern, replacement in SHAPES:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return text


def run_script(script: Script, folder: Path, python: Sequence[str] = BARE) -> subprocess.CompletedProcess[str]:
    path = folder / "exported script.py"
    path.write_text(script.text, encoding="utf-8")
    work = folder / "work"
    work.mkdir()
    return subprocess.run(
        [*python, str(path)], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_script_prints_what_its_notebook_shows(name: str, expected: dict[str, str], tmp_path: Path) -> None:
    script = export_script(NOTEBOOKS[name], name=name)
    ran = run_script(script, tmp_path)
    assert shape(ran.stdout) == shape(expected[name]), ran.stderr
    assert ran.returncode == 0, ran.stderr
