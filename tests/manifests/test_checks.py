"""``mltrain check``: what is refused, what is warned of, and what passes without a word."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mltrain.manifests import checks
from jupyter_mltrain.model.findings import Finding, Severity
from jupyter_mltrain.model.spec import Framework, parse_spec

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

MIRRORED = "strategy = tf.distribute.MirroredStrategy()"
MULTI = "strategy = tf.distribute.MultiWorkerMirroredStrategy()"
SERVER = "strategy = tf.distribute.ParameterServerStrategy(resolver)\nserver = tf.distribute.Server(spec)\n"
CENTRAL = "from tensorflow.distribute.experimental import CentralStorageStrategy as Central"
TPU = "strategy = tf.distribute.experimental.TPUStrategy(resolver)"
FIT = "model.fit(x, y)"
KERAS = "import keras"
GROUP = "import torch.distributed as dist\ndist.init_process_group('gloo')"
SKLEARN = "from sklearn.ensemble import RandomForestClassifier"
PLAIN = "loss = train(data)"

WORKERS = {"Worker": {"replicas": 2}}
ALL = {"Chief": {}, "PS": {"replicas": 2}, "Worker": {"replicas": 2}}
GPU: dict[str, Any] = {"resources": {"gpu": {"count": 2}}}


def tf(roles: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"framework": "tensorflow", "roles": roles or {"Worker": {}}, **fields}


def pt(roles: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"framework": "pytorch", "roles": roles or {"Master": {}, "Worker": {"replicas": 3}}, **fields}


def job(roles: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"roles": roles or {"Worker": {}}, **fields}


def imports_of(source: str) -> set[str]:
    """The modules of a snippet, as the frameworks are usually abbreviated."""
    known = {"tf.": "tensorflow", "keras": "keras", "tensorflow": "tensorflow", "torch": "torch", "sklearn": "sklearn"}
    return {module for word, module in known.items() if word in source} | {"numpy"}


def found(spec: dict[str, Any], source: str = "", parameters: dict[str, Any] | None = None) -> dict[str, Finding]:
    facts = {"sources": [source], "imports": imports_of(source)} if source else {}
    return {f.code: f for f in checks.check(parse_spec(spec), parameters=parameters or {}, **facts)}


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("mirrored over two workers", tf(WORKERS), MIRRORED),
    ("mirrored with parameter servers", tf({"Worker": {}, "PS": {}}), MIRRORED),
    ("mirrored with chief and worker", tf({"Chief": {}, "Worker": {}}), MIRRORED),
    ("mirrored by the spec alone", tf(WORKERS, strategy="mirrored"), ""),
    ("central storage over two workers", tf(WORKERS), CENTRAL),
    ("multi-worker with parameter servers", tf({**WORKERS, "PS": {}}), MULTI),
    ("multi-worker without TF_CONFIG", job(WORKERS), MULTI),
    ("multi-worker in a PyTorchJob", pt(), MULTI),
    ("parameter server without servers", tf({"Chief": {}, **WORKERS}), SERVER),
    ("parameter server without chief", tf({"PS": {}, **WORKERS}), SERVER),
    ("parameter server without workers", tf({"PS": {}, "Chief": {}}), SERVER),
    ("parameter server with Keras 3 fit", tf(ALL), SERVER + KERAS + "\n" + FIT),
    ("TPUs with one worker", tf(), TPU),
    ("TPUs with several workers", tf(WORKERS), TPU),
    ("TPUs without a framework", job(), TPU),
    ("TPUs where the job says another strategy", tf(strategy="mirrored"), TPU),
    ("estimators", tf(), "tf.estimator.train_and_evaluate(e, t, v)"),
]


@pytest.mark.parametrize(("spec", "source"), [case[1:] for case in IMPOSSIBLE], ids=[case[0] for case in IMPOSSIBLE])
def test_impossible_strategy_is_refused(spec: dict[str, Any], source: str) -> None:
    finding = found(spec, source)["impossible-strategy"]
    assert finding.severity is Severity.ERROR
    assert finding.hint


@pytest.mark.parametrize(
    ("other", "parameters", "severity"),
    [
        ("tf.distribute.get_strategy()", {}, Severity.WARNING),
        (MIRRORED, {}, Severity.WARNING),
        (MIRRORED, {"strategy": "tpu"}, Severity.ERROR),
        (MIRRORED, {"strategy": "mirrored"}, None),
    ],
)
def test_tpus_are_a_warning_where_the_notebook_may_do_without(
    other: str, parameters: dict[str, Any], severity: Severity | None
) -> None:
    finding = found(tf(), f"{TPU}\n{other}", parameters).get("impossible-strategy")
    assert (finding and finding.severity) == severity


NO_GROUP: list[tuple[str, dict[str, Any], str]] = [
    ("process group in a TFJob", tf(WORKERS), GROUP),
    ("process group in a Job", job(), GROUP),
    ("process group without master", pt({"Worker": {"replicas": 2}}), GROUP),
    ("NCCL without GPUs", pt(), GROUP.replace("gloo", "nccl")),
]


@pytest.mark.parametrize(("spec", "source"), [case[1:] for case in NO_GROUP], ids=[case[0] for case in NO_GROUP])
def test_impossible_process_group_is_refused(spec: dict[str, Any], source: str) -> None:
    assert found(spec, source)["impossible-process-group"].severity is Severity.ERROR


CLAIM = {"name": "data", "claim": "data", "mount_path": "/data"}
RWO = {**CLAIM, "access_mode": "ReadWriteOnce"}

WARNED: list[tuple[str, dict[str, Any], str]] = [
    # code, spec, source
    ("one-worker", tf(), MULTI),
    ("no-server", tf(ALL), SERVER.replace("Server(spec)", "other")),
    ("other-strategy", tf(WORKERS, strategy="multi_worker_mirrored"), MIRRORED),
    ("trains-apart", tf(WORKERS), KERAS + "\n" + FIT),
    ("trains-apart", pt(), "import torch"),
    ("trains-apart", job(WORKERS), SKLEARN),
    ("idle-parameter-server", tf({"Worker": {}, "PS": {}}), KERAS),
    ("other-framework", tf(), "import torch"),
    ("other-framework", pt(), "import tensorflow"),
    ("nproc-without-torchrun", pt(nproc_per_node="2"), "import torch"),
    ("elastic-without-torchrun", pt(WORKERS, elastic={}), GROUP),
    ("gpu-unused", job({"Worker": GPU}), SKLEARN),
    ("gpu-unused", tf({"Worker": {}, "PS": GPU}), ""),
    ("gpu-unused", tf({"Worker": {}, "Evaluator": GPU}), ""),
    ("gpu-unused", tf({**ALL, "Chief": GPU}), SERVER),
    ("memory-without-limit", tf({"Worker": {"restart_policy": "ExitCode"}}), ""),
    ("memory-too-small", tf({"Worker": {"resources": {"memory": "4"}}}), ""),
    ("retries-without-end", pt({"Master": {"restart_policy": "ExitCode"}}), ""),
    ("backoff-limit-without-effect", tf(run_policy={"backoff_limit": 3}), ""),
    ("never-done", pt({"Master": {"restart_policy": "Always"}}), ""),
    ("servers-stay", tf(ALL, run_policy={"clean_pod_policy": "None"}), ""),
    ("success-policy-without-effect", tf(ALL, success_policy="AllWorkers"), ""),
    ("mutable-image", job(image="busybox"), ""),
    ("claim-not-shared", tf(WORKERS, volumes=[RWO]), ""),
    ("claim-read-only", job(volumes=[{**CLAIM, "access_mode": "ReadOnlyMany"}]), ""),
    ("host-path", job(volumes=[{"name": "a", "host_path": "/mnt", "mount_path": "/a"}]), ""),
    ("plain-secret", job(env={"API_TOKEN": "x"}), ""),
]


@pytest.mark.parametrize(("code", "spec", "source"), WARNED)
def test_warning(code: str, spec: dict[str, Any], source: str) -> None:
    assert found(spec, source)[code].severity is Severity.WARNING


FINE: list[tuple[str, dict[str, Any], str]] = [
    ("one worker", tf(), KERAS + "\n" + FIT),
    ("mirrored over GPUs", tf({"Worker": GPU}), MIRRORED),
    ("multi-worker", tf(WORKERS), MULTI),
    ("multi-worker with chief", tf({"Chief": {}, "Worker": {}}), MULTI),
    ("multi-worker with evaluator", tf({**WORKERS, "Evaluator": {}}), MULTI),
    ("reads TF_CONFIG itself", tf(WORKERS), "config = json.loads(os.environ['TF_CONFIG'])"),
    ("a name in a comment is no use of it", tf(), "import keras  # not MultiWorkerMirroredStrategy"),
    ("a strategy in one process of a Job", job(), MIRRORED),
    ("DDP", pt(), GROUP),
    ("one process, own rendezvous", job(), GROUP + "\nos.environ['MASTER_ADDR'] = 'localhost'"),
    ("own rendezvous by address", job(), "import torch\ninit_process_group('gloo', 'tcp://127.0.0.1:1', rank=0)"),
    ("NCCL where there is a GPU", pt(), GROUP + "\nb = 'nccl' if torch.cuda.is_available() else 'gloo'"),
    ("NCCL with GPUs", pt({"Master": GPU, "Worker": GPU}), GROUP.replace("gloo", "nccl")),
    ("torchrun", pt(nproc_per_node="2"), "import torch\n!torchrun --nproc-per-node=2 train.py"),
    ("PyTorch alone", pt({"Master": {}}), "import torch"),
    ("scikit-learn", job(), SKLEARN),
    ("sharded by index", job(WORKERS), SKLEARN + "\nn = os.environ['JOB_COMPLETION_INDEX']"),
    ("limits under ExitCode", tf({"Worker": {"restart_policy": "ExitCode", "resources": {"memory": "1Gi"}}},
                                 run_policy={"active_deadline_seconds": 60}), ""),
    ("backoff limit that counts", pt(run_policy={"backoff_limit": 3}), ""),
    ("backoff limit of a Job", job(run_policy={"backoff_limit": 3}), ""),
    ("parameter servers are cleaned up", tf(ALL), ""),
    ("shared claim", tf(WORKERS, volumes=[{**CLAIM, "access_mode": "ReadWriteMany"}]), ""),
    ("one writer", job(volumes=[RWO]), ""),
    ("two readers", tf(WORKERS, volumes=[{**RWO, "read_only": True}]), ""),
    ("settings that are no secrets", job(env={"TOKENIZERS_PARALLELISM": "0", "KEYS": "a", "API_TOKEN": ""}), ""),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "source"), [case[1:] for case in FINE], ids=[case[0] for case in FINE])
def test_what_is_fine_passes_without_a_word(spec: dict[str, Any], source: str) -> None:
    assert found(spec, source) == {}


def test_parameter_server_that_fits_is_only_called_experimental() -> None:
    findings = found(tf(ALL), SERVER + "coordinator = ClusterCoordinator(strategy)\n" + KERAS + "\nscaler.fit(x)")
    assert {code: finding.severity for code, finding in findings.items()} == {"experimental-strategy": Severity.INFO}


@pytest.mark.parametrize("escape", ["import tf_keras", "os.environ['TF_USE_LEGACY_KERAS'] = '1'"])
def test_legacy_keras_fits_under_a_parameter_server(escape: str) -> None:
    spec, source = parse_spec(tf(ALL)), f"{SERVER}\n{escape}\n{FIT}"
    modules = {"tensorflow", "tf_keras"} if "import" in escape else {"tensorflow"}
    codes = {finding.code for finding in checks.check(spec, sources=[source], imports=modules)}
    assert codes == {"experimental-strategy"}


def test_of_several_strategies_the_parameter_decides() -> None:
    source = f"if strategy == 'mirrored':\n    {MIRRORED}\nelse:\n    {MULTI}"
    assert found(tf(WORKERS), source) == {}
    assert found(tf(WORKERS), source, {"strategy": "multi_worker_mirrored"}) == {}
    assert found(tf(WORKERS), source, {"strategy": ["mirrored"]}) == {}
    assert "impossible-strategy" in found(tf(WORKERS), source, {"strategy": "mirrored"})


def test_a_process_group_that_would_wait_for_ever_is_refused() -> None:
    finding = found(pt(nproc_per_node="2"), GROUP)["nproc-without-torchrun"]
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("roles", [{"PS": {}}, {"Evaluator": {}}, {"PS": {}, "Evaluator": {}}])
def test_a_job_in_which_nobody_trains_is_refused(roles: dict[str, Any]) -> None:
    assert found(tf(roles))["nobody-trains"].severity is Severity.ERROR


def test_a_gang_larger_than_the_job_is_refused() -> None:
    assert found(tf(WORKERS, run_policy={"scheduling": {"min_available": 2}})) == {}
    finding = found(tf(WORKERS, run_policy={"scheduling": {"min_available": 3}}))["gang-too-large"]
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("mode", "severity"),
    [("ReadWriteOncePod", Severity.ERROR), ("ReadWriteOnce", Severity.WARNING), (None, Severity.INFO)],
)
def test_writers_that_share_a_claim(mode: str | None, severity: Severity) -> None:
    finding = found(tf(WORKERS, volumes=[{**CLAIM, "access_mode": mode}]))["claim-not-shared"]
    assert finding.severity is severity
    assert finding.where == {"field": "volumes.0.access_mode"}
    assert "2 replicas" in finding.message


@pytest.mark.parametrize(
    ("spec", "source", "size", "hint"),
    [
        (tf({"Worker": {"replicas": 4}}), MULTI, 150, "Use 152."),
        (tf({"Worker": {"replicas": 2, **GPU}}), MULTI, 150, "Use 152."),
        (tf({"Worker": GPU}), MIRRORED, 33, "Use 34."),
    ],
)
def test_batch_that_does_not_divide(spec: dict[str, Any], source: str, size: int, hint: str) -> None:
    finding = found(spec, source, {"batch_size": size})["uneven-batch"]
    assert (finding.hint, finding.where) == (hint, {"parameter": "batch_size"})
    mended = found(spec, source, {"batch_size": finding.fix["parameters.batch_size"]})
    assert "uneven-batch" not in mended


@pytest.mark.parametrize("size", [150, "150", None, True])
def test_batch_that_divides_or_cannot_be_known(size: object) -> None:
    assert found(tf(WORKERS), MULTI, {"batch_size": size}) == {}


def test_outputs_on_a_shared_volume() -> None:
    spec = tf(WORKERS, volumes=[{**CLAIM, "access_mode": "ReadWriteMany"}])
    finding = found(spec, MULTI, {"log_dir": "/data/logs"})["shared-output"]
    assert finding.where == {"parameter": "log_dir"}
    for parameters in ({"data_dir": "/data/in"}, {"log_dir": "/elsewhere"}, {"log_dir": 1}):
        assert found(spec, MULTI, parameters) == {}
    assert found(spec, f"{MULTI}\nlogs = log_dir / str(run.rank)", {"log_dir": "/data/logs"}) == {}


def test_policies_that_a_plain_job_does_not_have() -> None:
    findings = found(job(run_policy={"clean_pod_policy": "All", "scheduling": {"queue": "q"}}))
    assert findings["policy-without-effect"].severity is Severity.INFO


def test_the_worst_comes_first() -> None:
    spec = tf(WORKERS, volumes=[CLAIM], env={"PASSWORD": "x"}, strategy="mirrored")
    severities = [finding.severity for finding in checks.check(parse_spec(spec))]
    assert severities == [Severity.ERROR, Severity.WARNING, Severity.INFO]


@pytest.mark.parametrize(
    ("imports", "source", "framework"),
    [
        ({"keras", "numpy"}, "", Framework.TENSORFLOW),
        ({"tensorflow.keras.layers"}, "", Framework.TENSORFLOW),
        ({"torch.nn"}, "", Framework.PYTORCH),
        ({"lightning"}, "", Framework.PYTORCH),
        ({"sklearn", "alibi"}, "", Framework.NONE),
        (set(), "", Framework.NONE),
        ({"tensorflow", "torch"}, "", Framework.TENSORFLOW),
        ({"tensorflow", "torch"}, GROUP, Framework.PYTORCH),
        ({"tensorflow", "torch"}, f"{GROUP}\n{MULTI}", Framework.TENSORFLOW),
        ({"keras"}, "os.environ['KERAS_BACKEND'] = 'torch'", Framework.PYTORCH),
    ],
)
def test_framework_by_imports(imports: set[str], source: str, framework: Framework) -> None:
    assert checks.detect_framework(imports, [source]) is framework


@pytest.mark.parametrize(
    "source",
    [
        f"%matplotlib inline\n{MULTI}",
        f"!pip install x\n{MULTI}",
        f"files = !ls\n{MULTI}",
        f"if True:\n    %time x = 1\n{MULTI}",
        f"%%time\n{MULTI}",
        f"pattern = '\\d'\n{MULTI}",
    ],
)
def test_magics_do_not_hide_the_code(source: str) -> None:
    assert "one-worker" in found(tf(), source)


@given(st.text(max_size=80))
def test_any_source_can_be_looked_at(source: str) -> None:
    checks.check(parse_spec(tf(WORKERS)), sources=[source, MULTI], imports={"tensorflow"})


SAMPLES = [
    ("recommender", tf()),
    ("income", job()),
    ("penguins", job()),
    ("distributed_tensorflow", tf(WORKERS)),
    ("distributed_pytorch", pt()),
]


@pytest.mark.parametrize(("name", "spec"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_samples_pass(name: str, spec: dict[str, Any]) -> None:
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    text = "\n".join(sources)
    imports = {
        module
        for module in ("tensorflow", "keras", "torch", "sklearn", "alibi")
        if f"import {module}" in text or f"from {module}" in text
    }
    assert checks.detect_framework(imports, sources).value == spec.get("framework", "none")
    assert checks.check(parse_spec(spec), sources=sources, imports=imports) == []
