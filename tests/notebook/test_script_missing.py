"""Calls of IPython's shell that an exported script cannot make are findings; where none is, the script runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mltrain.model.findings import Severity
from jupyter_mltrain.notebook.script import Script, export_script


def stops(script: Script) -> list[tuple[int, int]]:
    """Return cell and line of each place where the script stops, as its findings say."""
    errors = [each for each in script.findings if each.severity is Severity.ERROR]
    assert all(each.code == "unsupported" and each.hint for each in errors)
    return [(each.where["cell"], each.where["line"]) for each in errors]


def run(script: Script, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "script.py"
    path.write_text(script.text, encoding="utf-8")
    return subprocess.run([sys.executable, "-S", "-I", str(path)], capture_output=True, text=True, timeout=60)


STOPS: list[tuple[str, int]] = [
    ("get_ipython().run_cell('x = 1')", 1),
    ("x = 1\nprint(get_ipython().set_next_input('x'))", 2),
    ("get_ipython().user_global_namespace", 1),
    ("import IPython\nIPython.get_ipython().run_cell('1')", 2),
    ("import IPython as I\nshell = I.get_ipython()\nshell.run_cell('1')", 3),
    ("from IPython import get_ipython\nip = get_ipython()\nip.run_cell('1')", 3),
    ("from IPython import get_ipython as gi\ngi().run_cell('1')", 2),
    ("from IPython.core.getipython import get_ipython as gi\nshell = gi()\nother = shell\nother.kernel", 4),
    ("current = get_ipython\ncurrent().kernel", 2),
    ("if (ip := get_ipython()) is not None:\n    ip.events.register('post_run_cell', print)", 2),
    ("(ip := get_ipython()).kernel", 1),
    ("ip: object = get_ipython()\nip.kernel", 2),
    ("a = ip = get_ipython()\nip.kernel", 2),
    ("a, ip = 1, get_ipython()\nip.kernel", 2),
    ("try:\n    ip = get_ipython()\nexcept NameError:\n    ip = None\nip.kernel", 5),
    ("ip = get_ipython() or None\nip.kernel", 2),
    ("ip = get_ipython() if 1 else None\nip.kernel", 2),
    ("class A: pass\nA.shell = get_ipython()\nA.shell.kernel", 3),
    ("def f():\n    return get_ipython().ev('1')\nf()", 2),
    ("f = lambda: get_ipython().ev('1')\nf()", 1),
    ("from IPython.core.interactiveshell import InteractiveShell\nInteractiveShell.instance()", 2),
    ("getattr(get_ipython(), 'run_cell')('1')", 1),
    ("ip = get_ipython()\nip.run_line_magic('pushd', '..')", 2),
    ("ip = get_ipython()\nip.run_line_magic(magic_name='pushd', line='..')", 2),
    ("name = 'timeit'\nget_ipython().run_line_magic(name, '1+1')", 2),
    ("ip = get_ipython()\nip.run_cell_magic('time', '', '1')", 2),
    ("call = get_ipython().run_line_magic\ncall('timeit', '1')", 1),
    ("print(get_ipython().run_line_magic('timeit', '1'))", 1),
    ("ip = get_ipython()\nip.magic('%timeit 1')", 2),
    ("ip = get_ipython()\nip.magic(f'timeit {1}')", 2),
    ("ip = get_ipython()\nip.magic('timeit ' + '1')", 2),
    ("ip = get_ipython()\nip.magic('time' + 'it 1')", 2),
    ("%time get_ipython().run_cell('1')", 1),
    ("%%time\n# why\nget_ipython().run_cell('1')", 3),
    ("%timeit -n1 -r1 get_ipython().run_cell('1')", 1),
    ("%%timeit -n1 -r1\n\nget_ipython().run_cell('1')", 3),
    ("!true\nx = 2; \\\nget_ipython().run_cell('1')", 3),
    ("await get_ipython().run_cell_async('1')", 1),
]


@pytest.mark.parametrize(("source", "line"), STOPS, ids=[source.replace("\n", "; ") for source, _ in STOPS])
def test_a_call_of_ipython_that_a_script_cannot_make_is_an_error(source: str, line: int, tmp_path: Path) -> None:
    script = export_script(["print('before')", source])
    assert stops(script) == [(1, line)]
    ran = run(script, tmp_path)
    assert (ran.returncode, "before" in ran.stdout) == (1, True)


RUNS = [
    "ip = get_ipython()\nip.system('true')\nip.getoutput('true')\nip.user_ns['ip'], ip.user_global_ns['ip']",
    "ip = get_ipython()\npath = '.'\nip.run_line_magic('cd', path)\nip.run_line_magic('matplotlib', 'inline')",
    "ip = get_ipython()\nname = 'A'\nip.magic(f'env {name}=1')\nip.magic('env A')\nip.magic('env %s=1' % name)",
    "ip = get_ipython()\nip.run_cell_magic('bash', '', 'true')\nip.run_cell_magic('sh', '', 'true')",
    "get_ipython().__class__.__name__",
    "ip = get_ipython()\nprint(ip is None, type(ip).__name__, 'google.colab' in str(get_ipython()))",
    "getattr(get_ipython(), 'system')('true')",
    "hasattr(get_ipython(), 'kernel'), getattr(get_ipython(), 'kernel', None)",
    "get_ipython().run_line_magic('timeit', '-n1 -r1 1')",
    "import ipaddress\nip = ipaddress.ip_address('10.0.0.1')\nip.version, ip.packed",
    "class Own:\n    def get(self):\n        return self\nip = Own()\nip.get().get()",
    "from IPython.core.interactiveshell import InteractiveShell\n"
    "InteractiveShell.ast_node_interactivity = 'all'\nget_ipython().ast_node_interactivity = 'all'",
]


@pytest.mark.parametrize("source", RUNS, ids=[source.replace("\n", "; ") for source in RUNS])
def test_what_the_stand_in_has_is_no_finding(source: str, tmp_path: Path) -> None:
    script = export_script([source])
    assert [each for each in script.findings if each.severity is not Severity.INFO] == []
    ran = run(script, tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_each_place_is_named_also_where_the_name_comes_from_another_cell() -> None:
    cells = ["def later():\n    ip.kernel", "ip = get_ipython()", "ip.kernel\n%sql x\nip.history_manager; ip.kernel"]
    assert stops(export_script(cells)) == [(0, 2), (2, 1), (2, 2), (2, 3), (2, 3)]


def test_a_name_that_is_also_something_else_is_a_warning() -> None:
    script = export_script(["ip = get_ipython()\nip.kernel", "for ip in ['10.0.0.1']:\n    ip.split('.')"])
    assert [(each.severity, each.where) for each in script.findings] == [
        (Severity.WARNING, {"cell": 0, "line": 2}),
        (Severity.WARNING, {"cell": 1, "line": 2}),
    ]
    assert "'ip.split'" in script.findings[1].message


@pytest.mark.parametrize(
    "source",
    [
        "def setup(shell):\n    shell.kernel\n\nsetup(get_ipython())",
        "class A:\n    pass\n\nip = get_ipython(); A.setup(shell=ip)",
        "\n\ndef shell():\n    return get_ipython()",
        "name = 'ker' + 'nel'\n\n\ngetattr(get_ipython(), name)",
    ],
)
def test_a_shell_that_is_passed_on_is_a_warning(source: str) -> None:
    (finding,) = export_script([source]).findings
    assert (finding.code, finding.severity, finding.where) == (
        "shell-passed-on",
        Severity.WARNING,
        {"cell": 0, "line": 4},
    )
    assert "run_line_magic" in finding.message


def test_a_setting_of_the_shell_that_has_no_effect_is_a_warning(tmp_path: Path) -> None:
    script = export_script(["ip = get_ipython()\nip.showtraceback = print"])
    (finding,) = script.findings
    assert (finding.code, finding.severity, finding.where) == (
        "setting-without-effect",
        Severity.WARNING,
        {"cell": 0, "line": 2},
    )
    assert run(script, tmp_path).returncode == 0
