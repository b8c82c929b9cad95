"""What an exported script looks like, what it says about itself, and where it stops."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mltrain.model.findings import Finding, Severity
from jupyter_mltrain.notebook.read import read_notebook
from jupyter_mltrain.notebook.script import Script, export_script

SAMPLES = Path(__file__).parents[2] / "notebooks"

HEAD = """\
#!/usr/bin/env python3
# Exported from a Jupyter notebook; runs under plain Python, without IPython.
# Notebook: notebook

globals().pop("__file__", None)  # so child processes do not run this file again

"""


def code(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


def run(script: Script, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script with the standard library alone."""
    path = folder / "script.py"
    path.write_text(script.text, encoding="utf-8")
    command = [sys.executable, "-S", "-I", str(path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, **options)


def cells_of(script: Script) -> str:
    """Return the part of a script that is the notebook's."""
    return script.text[script.text.index("# %% ") :]


def found(script: Script, code: str) -> Finding:
    (finding,) = [each for each in script.findings if each.code == code]
    return finding


def test_plain_python_stays_as_written() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "text"], "metadata": {}},
        code("# a comment\nx  =  1 ;y=2\ndef f(a):\n\n\n    return   a # odd   spaces\n"),
        {"cell_type": "raw", "source": "raw", "metadata": {}},
        code(""),
        code("z = '%time' '!ls'  # !ls %time"),
    ]
    assert export_script(cells) == Script(
        HEAD
        + """\
# %% [markdown]
# # Title
#
# text

# %% [cell 1]
# a comment
x  =  1 ;y=2
def f(a):


    return   a # odd   spaces

# %% [raw]
# raw

# %% [cell 3]

# %% [cell 4]
z = '%time' '!ls'  # !ls %time
"""
    )


def test_magics_become_readable_python() -> None:
    script = export_script(
        [
            "%matplotlib inline\nif ok:\n    !ls -l {folder}\n    files = !ls\n%time model = train()\nmodel",
            "%%time\n# why\nfor i in range(3):\n    print('''a\nb''')",
            "%%capture out\n%timeit -n 10 -r2 f(x)",
            '%%bash --out result\necho "$HOME"\nls',
            "%env A=b\n%cd sub\nwhere = %pwd",
        ]
    )
    assert (
        cells_of(script)
        == '''\
# %% [cell 0]
_nb.use_figures()
# %matplotlib inline
if ok:
    _nb.system(_nb.expand("ls -l {folder}"))
    files = _nb.getoutput("ls")
with _nb.timed():
    model = train()
_nb.show(model)
_nb.show_figures()

# %% [cell 1]
with _nb.timed():
    # why
    for i in range(3):
        print(\'\'\'a
b\'\'\')
_nb.show_figures()

# %% [cell 2]
with _nb.capture() as out:
    _nb.timeit("f(x)", number=10, repeat=2)
_nb.show_figures()

# %% [cell 3]
result = _nb.script("bash", """\\
echo "$HOME"
ls
""", out=True)[0]

# %% [cell 4]
_nb.set_env("A=b")
_nb.cd("sub")
where = _nb.pwd()
'''
    )


def test_awaits_become_calls_and_async_blocks_one_coroutine() -> None:
    script = export_script(
        ["x = await f()\nprint(await g(x))", "async with a as b:\n    total: int = await b\n    'text'"]
    )
    assert (
        cells_of(script)
        == """\
# %% [cell 0]
x = _nb.wait(f())
print(_nb.wait(g(x)))
_nb.between_cells()

# %% [cell 1]
async def _async_1():
    global b, total
    async with a as b:
        total = await b
        'text'


_nb.wait(_async_1())
"""
    )


def test_the_script_brings_only_what_it_uses() -> None:
    assert "def " not in export_script(["x = 1"]).text
    text = export_script(["%env A=b"]).text
    assert "def set_env" in text
    assert "def system" not in text
    assert "import asyncio" not in text


@pytest.mark.parametrize("given", ["texts", "notebook", "cells"])
def test_a_notebook_in_each_form_gives_the_same_script(given: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(f'{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [{CELL}]}}')
    notebook = {"cells": [{"cell_type": "code", "source": ["x = 1\n", "x"], "metadata": {}}]}
    forms = {"texts": ["x = 1\nx"], "notebook": notebook, "cells": read_notebook(path).cells}
    assert cells_of(export_script(forms[given])) == "# %% [cell 0]\nx = 1\n_nb.show(x)\n"


CELL = '{"cell_type": "code", "source": "x = 1\\nx", "metadata": {}, "outputs": [], "execution_count": null}'


def test_parameters_stand_behind_the_cell_with_the_defaults() -> None:
    cells = [code("import os"), code("lr = 0.1", "parameters"), code("print(lr)")]
    text = cells_of(export_script(cells, parameters_source="# Parameters\nlr = 0.5\n"))
    assert text.split("\n\n")[1:3] == ["# %% [cell 1]\nlr = 0.1", "# %% [parameters]\n# Parameters\nlr = 0.5"]


def test_parameters_take_the_place_of_those_that_were_put_in_before() -> None:
    cells = [code("lr = 0.1", "parameters"), code("lr = 0.2", "injected-parameters"), code("print(lr)")]
    text = cells_of(export_script(cells, parameters_source="lr = 0.5"))
    assert "lr = 0.2" not in text
    assert text.index("lr = 0.1") < text.index("lr = 0.5") < text.index("print(lr)")


def test_parameters_of_a_notebook_without_defaults_come_first() -> None:
    assert cells_of(export_script(["print(lr)"], parameters_source="lr = 0.5")).startswith(
        "# %% [parameters]\nlr = 0.5\n"
    )


@pytest.mark.parametrize(
    ("source", "line", "first"),
    [
        ("x = 1\n%sql SELECT 1", 2, "%sql SELECT 1"),
        ("%%R\nplot(1)", 1, "%%R"),
        ("%%cython -a\ndef f(): pass", 1, "%%cython -a"),
        ("%%prun\nf()", 1, "%%prun"),
        ("%run other.ipynb", 1, "%run other.ipynb"),
        ("%store x", 1, "%store x"),
        ("%%bash --bg --proc p\nsleep 1", 1, "%%bash --bg --proc p"),
        ("if True:\n    y = 2\n    %lprun -f f f()", 3, "%lprun -f f f()"),
        ("x = %sql select 1", 1, "%sql select 1"),
    ],
)
def test_what_cannot_be_turned_stops_the_script_there(source: str, line: int, first: str, tmp_path: Path) -> None:
    script = export_script(["print('before')", source, "print('after')"])
    finding = found(script, "unsupported")
    assert (finding.severity, finding.where) == (Severity.ERROR, {"cell": 1, "line": line})
    assert repr(first) in finding.message
    assert finding.hint
    ran = run(script, tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "before\n")
    assert f"NotImplementedError: {first}: " in ran.stderr


def test_a_cell_magic_that_cannot_be_turned_stays_as_a_comment() -> None:
    assert (
        "# %%R -i df\n# plot(df)\n#\n# df\nraise NotImplementedError("
        in export_script(["%%R -i df\nplot(df)\n\ndf"]).text
    )


def test_a_cell_that_is_no_python_fails_when_its_turn_comes(tmp_path: Path) -> None:
    script = export_script(["print('before')", "x = 1\ny = = 2"])
    finding = found(script, "syntax")
    assert (finding.severity, finding.where) == (Severity.ERROR, {"cell": 1, "line": 2})
    ran = run(script, tmp_path)
    assert ran.stdout == "before\n"
    assert ran.stderr.endswith("SyntaxError: cell 1, line 2: invalid syntax\n")


def test_bad_code_in_a_timed_cell_is_found_on_its_own_line() -> None:
    assert found(export_script(["%%time\nx = 1\ny = = 2"]), "syntax").where == {"cell": 0, "line": 3}
    assert found(export_script(["%%capture\nx = 1\n\n%nosuch"]), "unsupported").where == {"cell": 0, "line": 4}


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib qt",
        "%load_ext autoreload",
        "%autoreload 2",
        "%config A.b = 1",
        "%precision 3",
        "%reload_ext x",
        "print?",
        "?print",
        "print??",
        "%who",
        "%tensorboard --logdir logs",
        "%pdb on",
    ],
)
def test_what_means_nothing_in_a_script_is_a_comment_and_a_finding(source: str, tmp_path: Path) -> None:
    script = export_script([source, "print('done')"])
    finding = found(script, "magic-ignored")
    assert (finding.severity, finding.where) == (Severity.INFO, {"cell": 0, "line": 1})
    ran = run(script, tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr


@pytest.mark.parametrize("magic", ["html", "javascript", "latex", "svg", "markdown"])
def test_markup_is_a_comment_and_a_finding(magic: str) -> None:
    script = export_script([f"%%{magic}\n<b>x</b>\n"])
    assert found(script, "markup-ignored").severity is Severity.INFO
    assert cells_of(script) == f"# %% [cell 0]\n# %%{magic}\n# <b>x</b>\n"


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("%pip install -q 'a>=1' b", "python -m pip install -q 'a>=1' b"),
        ("!pip install -U a>=2", "pip install -U a>=2"),
        ("!{sys.executable} -m pip install a", "{sys.executable} -m pip install a"),
        ("%conda install -y a", "conda install -y a"),
        ("!python3 -m pip install a > /dev/null 2>&1", "python3 -m pip install a > /dev/null 2>&1"),
        ("%uv pip install a", "python -m uv pip install a"),
    ],
)
def test_installs_are_listed_and_not_run(source: str, command: str) -> None:
    script = export_script([source])
    assert found(script, "install-not-run").severity is Severity.WARNING
    assert f"# Install first:\n#     {command}\n" in script.text
    assert cells_of(script) == f"# %% [cell 0]\n# {source}\n"


@pytest.mark.parametrize("source", ["!pip install a && python b.py", "!pip list", "%pip freeze", "x = !pip install a"])
def test_a_command_that_does_more_than_install_is_run(source: str) -> None:
    script = export_script([source])
    assert not script.findings
    assert "_nb.system(" in script.text or "_nb.getoutput(" in script.text


def test_input_and_the_input_history_are_findings_with_their_line() -> None:
    script = export_script(["x = 1\nname = input('?')", "x\n\nIn[0]"])
    assert found(script, "asks-for-input").where == {"cell": 0, "line": 2}
    assert found(script, "input-history").where == {"cell": 1, "line": 3}


def test_imports_that_only_ipython_has_are_kept_with_a_finding() -> None:
    script = export_script(["x = 1\nfrom IPython.core.magic import register_line_magic"])
    assert found(script, "needs-ipython").where == {"cell": 0, "line": 2}
    assert "\nfrom IPython.core.magic import register_line_magic\n" in script.text


def test_automagic_is_a_finding_and_yields_to_a_variable_of_that_name() -> None:
    assert found(export_script(["ls -l"]), "automagic").where == {"cell": 0, "line": 1}
    assert "_nb.show(ls)" in export_script(["ls = 3", "ls"]).text


def test_a_cell_that_may_fail_does_not_end_the_script(tmp_path: Path) -> None:
    cells = [
        code("print('a')\n1 / 0\nprint('b')", "raises-exception"),
        code("# nothing", "raises-exception"),
        code("'c'"),
    ]
    ran = run(export_script(cells), tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "a\n'c'\n")
    assert "ZeroDivisionError" in ran.stderr


def test_an_error_ends_the_script_as_it_ends_the_notebook(tmp_path: Path) -> None:
    ran = run(export_script(["print('a')", "1 / 0", "print('b')"]), tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "a\n")


def test_updates_of_a_display_are_shown_below_it(tmp_path: Path) -> None:
    cells = ["handle = display('old', display_id=True)", "handle.update('new')", "display('x', display_id='name')"]
    ran = run(export_script(cells), tmp_path)
    assert ran.stdout == "'old'\n'new'\n'x'\n<DisplayHandle display_id=name>\n"


def test_the_helpers_get_a_name_that_the_notebook_does_not_use(tmp_path: Path) -> None:
    script = export_script(
        ["_nb = 1\n_nb_ = 2", "_async_1 = 3\nasync def g():\n    yield 4", "[i async for i in g()]", "_nb"]
    )
    ran = run(script, tmp_path)
    assert ran.stdout == "[4]\n1\n", ran.stderr


def test_what_of_get_ipython_is_missing_says_so(tmp_path: Path) -> None:
    ran = run(export_script(["shell = get_ipython()", "name = 'sql'\nshell.run_line_magic(name, 'x')"]), tmp_path)
    assert ran.stderr.endswith("%sql needs IPython, which a plain script does not have\n")
    ran = run(export_script(["get_ipython().kernel"]), tmp_path)
    assert ran.stderr.endswith("get_ipython().kernel needs IPython, which a plain script does not have\n")


def test_output_of_a_command_comes_while_it_runs(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(export_script(["!echo first; read -r line < fifo; echo $line"]).text)
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    command = [sys.executable, "-S", "-I", "script.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"  # the command now waits for the line that comes next
        fifo.write_text("second\n")
        assert process.stdout.read() == "second\n"


def test_prints_and_those_of_child_processes_keep_their_order(tmp_path: Path) -> None:
    cells = ["import subprocess\nprint('one')\nsubprocess.run(['echo', 'two'])\nprint('three');"]
    assert run(export_script(cells), tmp_path).stdout == "one\ntwo\nthree\n"


def test_modules_in_the_working_folder_are_found(tmp_path: Path) -> None:
    cells = ["%%writefile made_here.py\nvalue = 5", "import made_here\nmade_here.value"]
    assert run(export_script(cells), tmp_path).stdout == "Writing made_here.py\n5\n"


def test_with_a_main_guard_spawned_processes_find_the_script(tmp_path: Path) -> None:
    cells = [
        "import multiprocessing\ndef double(x):\n    return 2 * x",
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))",
    ]
    ran = run(export_script(cells), tmp_path)
    assert ran.stdout == "[2, 4]\n", ran.stderr


def test_tasks_that_still_run_at_the_end_leave_no_complaint(tmp_path: Path) -> None:
    cells = ["import asyncio\ntask = asyncio.create_task(asyncio.sleep(100))", "await asyncio.sleep(0)"]
    ran = run(export_script(cells), tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_time_works_on_what_ipython_cannot_time(tmp_path: Path) -> None:
    cells = ["import asyncio\nasync def f():\n    return 7", "%time await f()", "%%time\nx = await f()\nx + 1"]
    lines = run(export_script(cells), tmp_path).stdout.splitlines()
    assert (lines[2], lines[5]) == ("7", "8")


def test_a_name_with_a_newline_stays_in_the_head() -> None:
    script = export_script(["x = 1"], name="a\nimport os # coding: latin-1")
    assert "# Notebook: a\n# import os # coding: latin-1\n" in script.text


def test_changing_the_folder_prints_it(tmp_path: Path) -> None:
    ran = run(export_script(["%mkdir sub", "%cd sub", "%cd -", "%cd nosuch"]), tmp_path)
    assert ran.stdout.splitlines() == [
        str(tmp_path / "sub"),
        str(tmp_path),
        "[Errno 2] No such file or directory: 'nosuch'",
        str(tmp_path),
    ]


def test_a_missing_environment_variable_ends_the_script(tmp_path: Path) -> None:
    ran = run(export_script(["%env NO_SUCH_NAME", "print('after')"]), tmp_path)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("Environment does not have key: NO_SUCH_NAME\n")


def test_pylab_becomes_its_imports() -> None:
    text = cells_of(export_script(["%pylab inline"]))
    assert "from pylab import *\nfrom numpy import *" in text
    assert "from pylab import *" not in cells_of(export_script(["%pylab inline --no-import-all"]))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_sample_notebooks_can_be_turned_without_loss(path: Path) -> None:
    notebook = read_notebook(path)
    script = export_script(notebook.cells, name=notebook.name)
    compile(script.text, str(path), "exec")
    assert [each for each in script.findings if each.severity is not Severity.INFO] == []
