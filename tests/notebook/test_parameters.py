from __future__ import annotations

import ast
import json
import keyword
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.errors import ParameterError
from jupyter_mltrain.notebook import check_values
from jupyter_mltrain.notebook.parameters import Parameter, ParameterForm, parse_parameters
from jupyter_mltrain.notebook.values import Mismatch, Type, is_finite, type_of_annotation

CELL = """
import os
from pathlib import Path
from typing import Literal, Optional

epochs = 3  # how often the data is seen
learning_rate: float = 1e-3  # step size
shuffle = True
name = "two # towers"  # a hash in the text
layers: list[int] = [64, 32]
options = {"a": [1, None]}  # free form
nothing = None
optimizer: Literal["adam", "sgd", None] = "adam"
limit: Optional[int] = None
data_dir: Path = Path("data")
home = os.environ["HOME"]  # no literal
greeting = f"hello {name}"
pair = (1, 2)
low, high = 0, -1.5
first = second = "same"
required: int
big = [
    1,
    2,
]  # on the last line
rate = 2  # type: float  the papermill way
print(epochs)
if shuffle:
    hidden = 1
epochs = 5  # the last one counts
"""


def test_every_kind_of_parameter() -> None:
    form = parse_parameters(CELL)
    found = {p.name: (p.type.kind, p.default, p.expression, p.help) for p in form}
    assert found == {
        "epochs": ("int", 5, None, "the last one counts"),
        "learning_rate": ("float", 1e-3, None, "step size"),
        "shuffle": ("bool", True, None, ""),
        "name": ("str", "two # towers", None, "a hash in the text"),
        "layers": ("list", [64, 32], None, ""),
        "options": ("dict", {"a": [1, None]}, None, "free form"),
        "nothing": ("any", None, None, ""),
        "optimizer": ("str", "adam", None, ""),
        "limit": ("int", None, None, ""),
        "data_dir": ("path", None, 'Path("data")', ""),
        "home": ("any", None, 'os.environ["HOME"]', "no literal"),
        "greeting": ("str", None, 'f"hello {name}"', ""),
        "pair": ("list", [1, 2], None, ""),
        "low": ("int", 0, None, ""),
        "high": ("float", -1.5, None, ""),
        "first": ("str", "same", None, ""),
        "second": ("str", "same", None, ""),
        "required": ("int", None, None, ""),
        "big": ("list", [1, 2], None, "on the last line"),
        "rate": ("float", 2, None, "the papermill way"),
    }
    assert form["optimizer"].type == Type("str", optional=True, choices=("adam", "sgd"))
    assert form["limit"].type == Type("int", optional=True)
    assert form["layers"].type.items == Type("int")
    assert form["required"].required
    assert form["learning_rate"].annotation == "float"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("int | None", Type("int", optional=True)),
        ("Union[int, str]", Type("union", options=(Type("int"), Type("str")))),
        ("int | str | None", Type("union", optional=True, options=(Type("int"), Type("str")))),
        ("typing.Optional[typing.List[float]]", Type("list", optional=True, items=Type("float"))),
        ("dict[str, list[int]]", Type("dict", items=Type("list", items=Type("int")))),
        ("tuple[int, ...]", Type("list", items=Type("int"))),
        ("tuple[int, str]", Type("list")),
        ("'list[str]'", Type("list", items=Type("str"))),
        ("Annotated[int, 'help']", Type("int")),
        ("Final[str]", Type("str")),
        ("pathlib.Path", Type("path")),
        ("Literal[1, 2]", Type("int", choices=(1, 2))),
        ("Literal[True, 'auto']", Type("any", choices=(True, "auto"))),
        ("Literal['a'] | int", Type("union", options=(Type("str", choices=("a",)), Type("int")))),
        ("Any", Type("any")),
        ("np.ndarray", Type("any")),
        ("int | np.ndarray", Type("any")),
        ("'not python ('", Type("any")),
        ("None", Type("any", optional=True)),
    ],
)
def test_annotations(annotation: str, expected: Type) -> None:
    assert type_of_annotation(ast.parse(annotation, mode="eval").body) == expected


def test_the_form_is_json_and_comes_back() -> None:
    form = parse_parameters(CELL)
    text = json.dumps(form.to_dict(), allow_nan=False)
    assert ParameterForm.from_dict(json.loads(text)) == form
    entries = {entry["name"]: entry for entry in json.loads(text)}
    assert entries["optimizer"] == {
        "name": "optimizer",
        "type": {"kind": "str", "optional": True, "choices": ["adam", "sgd"]},
        "default": "adam",
        "annotation": 'Literal["adam", "sgd", None]',
    }
    assert entries["home"] == {
        "name": "home",
        "type": {"kind": "any"},
        "expression": 'os.environ["HOME"]',
        "help": "no literal",
    }
    assert entries["required"]["required"] is True


@pytest.mark.parametrize(
    "source",
    ["x = 1e999", "x = {1: 2}", "x = {1, 2}", "x = b'a'", "x = 1j", "x = 1 + 1", "x = float('inf')", "x = ..."],
)
def test_what_json_cannot_hold_is_an_expression_that_can_be_overridden(source: str) -> None:
    form = parse_parameters(source)
    assert f"x = {form['x'].expression}" == source
    assert form.check({"x": 1 if form["x"].type.kind != "float" else 1.0}) == {"x": 1}


def test_a_default_that_is_changed_afterwards_is_an_expression() -> None:
    form = parse_parameters("steps: int = 100  # in all\nsteps *= 2\nother = 1")
    steps = form["steps"]
    assert (steps.type, steps.default, steps.expression, steps.help) == (Type("int"), None, "steps * 2", "in all")
    assert form["other"].default == 1


@pytest.mark.parametrize(
    ("source", "expected", "text"),
    [
        ("x = {}  # type: Dict[str, int] by [name]", Type("dict", items=Type("int")), "by [name]"),
        ("x = 3  # type: int | None none means all", Type("int", optional=True), "none means all"),
        ("x = 3  # type: float [s]", Type("float"), "[s]"),
        ("x = 3  # type: ignore[assignment]", Type("int"), "type: ignore[assignment]"),
        ("x: Final = 3", Type("int"), ""),
        ("x: typing.Final = 3", Type("int"), ""),
    ],
)
def test_type_comments_and_bare_final(source: str, expected: Type, text: str) -> None:
    parameter = parse_parameters(source)["x"]
    assert (parameter.type, parameter.help) == (expected, text)


def test_expressions_beside_magics_are_written_anew() -> None:
    form = parse_parameters("%matplotlib inline\nx = f( 1 )\n%time y = g( 2 )")
    assert [parameter.expression for parameter in form] == ["f(1)", "g(2)"]


def test_magics_and_broken_code_do_no_harm() -> None:
    assert [p.name for p in parse_parameters("%matplotlib inline\nx = 1  # help\n!ls")] == ["x"]
    assert len(parse_parameters("x = = 1")) == 0
    assert len(parse_parameters("")) == 0


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("bool", "true", True),
        ("bool", "No", False),
        ("bool", "0", False),
        ("int", "-12", -12),
        ("int", "1_000", 1000),
        ("float", "1e-3", 1e-3),
        ("float", "3", 3.0),
        ("float", "inf", math.inf),
        ("str", "3", "3"),
        ("str", "", ""),
        ("Path", "a b/c", "a b/c"),
        ("list[int]", "1,2, 3", [1, 2, 3]),
        ("list[int]", "[1, 2]", [1, 2]),
        ("list[str]", "a,b", ["a", "b"]),
        ("list", "(1, 'a')", [1, "a"]),
        ("list", "", []),
        ("list[float]", "[1]", [1.0]),
        ("dict", '{"a": 1}', {"a": 1}),
        ("dict", "{'a': None}", {"a": None}),
        ("dict[str, float]", '{"a": 1}', {"a": 1.0}),
        ("int | None", "None", None),
        ("int | None", "", None),
        ("str | None", "null", None),
        ("str | None", "", ""),
        ("Literal['a', 'b']", "b", "b"),
        ("Literal[0, 1]", "0", 0),
        ("Literal[False, 'auto']", "false", False),
        ("int | str", "5", 5),
        ("str | int", "5", 5),
        ("int | str", "five", "five"),
        ("Any", "5", 5),
        ("Any", "five", "five"),
        ("Any", "[1, 2]", [1, 2]),
        ("Any", "{1: 2}", "{1: 2}"),
    ],
)
def test_texts_from_the_command_line(annotation: str, text: str, value: Any) -> None:
    form = parse_parameters(f"x: {annotation} = None" if "None" in annotation else f"x: {annotation}")
    got = form.parse({"x": text})["x"]
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("bool", "maybe"),
        ("int", "1.5"),
        ("int", ""),
        ("int", "None"),
        ("float", "fast"),
        ("list[int]", "1,a"),
        ("list[int]", "[1, 'a']"),
        ("list", "[1,"),
        ("dict", "1"),
        ("dict", "a=1"),
        ("Literal['a', 'b']", "c"),
        ("Literal[1]", "1.0"),
        ("int | float", "x"),
    ],
)
def test_texts_that_do_not_fit(annotation: str, text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_parameters(f"x: {annotation}").parse({"x": text})
    assert caught.value.details["field"] == "x"
    assert "'x'" in caught.value.message


@pytest.mark.parametrize(
    ("annotation", "given_value", "value"),
    [
        ("float", 3, 3.0),
        ("float", "1e-3", 1e-3),  # what YAML makes of 1e-3
        ("list[float]", [1, 2.5], [1.0, 2.5]),
        ("list", (1, "a"), [1, "a"]),
        ("int | None", None, None),
        ("int | str", "5", "5"),
        ("Any", {"a": [1]}, {"a": [1]}),
    ],
)
def test_typed_values(annotation: str, given_value: Any, value: Any) -> None:
    got = parse_parameters(f"x: {annotation}").check({"x": given_value})["x"]
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("annotation", "given_value"),
    [
        ("bool", 1),
        ("bool", "true"),
        ("int", True),
        ("int", 1.0),
        ("int", "1"),
        ("float", True),
        ("float", "fast"),
        ("str", 1),
        ("str", None),
        ("Path", 1),
        ("list", "a"),
        ("list[int]", [1, "a"]),
        ("dict", {1: 2}),
        ("Literal[1]", True),
        ("Literal[1]", 1.0),
        ("Any", {1, 2}),
        ("Any", {"a": object()}),
        ("int | float", "x"),
    ],
)
def test_typed_values_that_do_not_fit(annotation: str, given_value: Any) -> None:
    with pytest.raises(ParameterError):
        parse_parameters(f"x: {annotation}").check({"x": given_value})


@pytest.mark.parametrize(
    ("declared", "text", "example"),
    [
        ("x = 1", "many", "3"),
        ("x = 1.5", "much", "0.01"),
        ("x = True", "maybe", "true"),
        ("x = [1]", "[1", "[1, 2]"),
        ("x = {'a': 1}", "{a: 1}", '{"a": 1}'),
        ("x: Literal['sgd', 'adam'] = 'sgd'", "rmsprop", 'Use "sgd" or "adam".'),
    ],
)
def test_a_value_of_the_wrong_type_comes_with_an_example(declared: str, text: str, example: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_parameters(declared).parse({"x": text})
    assert example in caught.value.hint


def test_errors_say_what_to_do() -> None:
    form = parse_parameters("epochs = 3\nlearning_rate = 1\nname = 'a'")
    with pytest.raises(ParameterError, match="epoch") as caught:
        form.check({"epoch": 3})
    assert caught.value.hint == "Did you mean 'epochs'?"
    assert caught.value.details["nearest"] == "epochs"
    with pytest.raises(ParameterError) as caught:
        form.check({"zzz": 3})
    assert caught.value.hint == "It has: epochs, learning_rate, name."
    with pytest.raises(ParameterError, match=r"0\.5 is not a whole number") as caught:
        form.check({"learning_rate": 0.5})
    assert "learning_rate: float" in caught.value.hint
    with pytest.raises(ParameterError) as caught:
        form.check({"name": 7})
    assert "quotes" in caught.value.hint
    with pytest.raises(ParameterError) as caught:
        ParameterForm().check({"x": 1})
    assert "tag the cell" in caught.value.hint
    with pytest.raises(ParameterError, match="'must'") as caught:
        parse_parameters("must: int").check({})
    assert caught.value.details["field"] == "must"


def test_check_values_joins_both_sources_in_the_order_in_which_they_were_given() -> None:
    form = parse_parameters("a = 1\nb = 2.0\nc = 'x'")
    assert list(check_values(form, {"c": "y", "a": 1}, texts={"b": "3", "c": "z"}).items()) == [
        ("c", "z"),
        ("a", 1),
        ("b", 3.0),
    ]
    assert check_values(form) == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))


@given(st.dictionaries(names, json_values, max_size=4))
def test_any_literal_default_is_read_back(defaults: dict[str, Any]) -> None:
    source = "\n".join(f"{name} = {value!r}  # help of {name}" for name, value in defaults.items())
    form = parse_parameters(source)
    assert [p.name for p in form] == list(defaults)
    for name, value in defaults.items():
        parameter = form[name]
        if not is_finite(value):
            assert parameter.expression
            continue
        assert parameter.expression is None
        assert parameter.default == value
        assert form.check({name: value}) == {name: value}
        assert parameter.help == f"help of {name}"


@given(json_values)
def test_what_json_writes_the_command_line_reads(value: Any) -> None:
    text = json.dumps(value)
    kind = {bool: "bool", int: "int", float: "float", list: "list", dict: "dict"}.get(type(value), "any")
    form = ParameterForm((Parameter("x", Type(kind), required=True),))  # type: ignore[arg-type]
    got = form.parse({"x": text})["x"]
    assert got == value
    assert form.check({"x": got}) == {"x": value}


types = st.recursive(
    st.builds(Type, st.sampled_from(["bool", "int", "float", "str", "path", "any"]), optional=st.booleans()),
    lambda inner: (
        st.builds(Type, st.sampled_from(["list", "dict"]), items=st.none() | inner, optional=st.booleans())
        | st.builds(Type, st.just("union"), options=st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=4,
)


@given(types, json_values)
def test_a_checked_value_is_json_of_the_type_and_checks_again(wanted: Type, value: Any) -> None:
    try:
        checked = wanted.check(value)
    except Mismatch:
        return
    json.dumps(checked)
    assert wanted.check(checked) == checked


@given(types, st.text())
def test_any_text_is_a_value_of_the_type_or_a_mismatch(wanted: Type, text: str) -> None:
    try:
        value = wanted.parse(text)
    except Mismatch:
        return
    assert wanted.check(value) == value or value != value


@given(types)
def test_types_survive_json(wanted: Type) -> None:
    assert Type.from_dict(json.loads(json.dumps(wanted.to_dict()))) == wanted


@given(st.text())
def test_any_source_makes_a_form(source: str) -> None:
    form = parse_parameters(source)
    assert ParameterForm.from_dict(json.loads(json.dumps(form.to_dict()))) == form
