"""Names of labels, annotations and environment variables that jobs carry.

Labels and annotations with the prefix ``jupyter-mltrain/`` are this project's; ``training.kubeflow.org/`` are the
Training Operator's (kubeflow/training-operator, ``pkg/apis/kubeflow.org/v1/common_types.go``).
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "jupyter-mltrain/"

# Labels: short values that a selector can use.
LABEL_JOB_ID: Final = PREFIX + "job-id"
LABEL_NOTEBOOK: Final = PREFIX + "notebook"
LABEL_PROGRAM: Final = PREFIX + "program"  # first 12 hex digits; the annotation has the whole hash

# Annotations: anything longer.
ANNOTATION_PROGRAM: Final = PREFIX + "program"  # sha256:<64 hex digits>
ANNOTATION_NOTEBOOK: Final = PREFIX + "notebook"  # path as the user gave it
ANNOTATION_KERNEL: Final = PREFIX + "kernel"  # kernelspec name, e.g. python3
ANNOTATION_COMMIT: Final = PREFIX + "commit"  # <40 hex digits>, with "-dirty" where the tree was
ANNOTATION_IMAGE: Final = PREFIX + "image"
ANNOTATION_VERSION: Final = PREFIX + "version"  # of this project
ANNOTATION_SPEC: Final = PREFIX + "spec"  # the TrainingSpec as JSON, so that a job can be cloned with changes
ANNOTATION_CANCELLED: Final = PREFIX + "cancelled"  # RFC 3339 time; the job is suspended and stays so

OPERATOR_NAME: Final = "training.kubeflow.org/operator-name"
JOB_NAME: Final = "training.kubeflow.org/job-name"
REPLICA_TYPE: Final = "training.kubeflow.org/replica-type"
REPLICA_INDEX: Final = "training.kubeflow.org/replica-index"
JOB_ROLE: Final = "training.kubeflow.org/job-role"

# Environment of a replica. The first group is in the manifest, the second is added where the replica runs.
ENV_PROGRAM: Final = "MLTRAIN_PROGRAM"  # sha256:<64 hex digits>
ENV_PARAMETERS: Final = "MLTRAIN_PARAMETERS"  # JSON object of parameter values
ENV_OUTPUT_URI: Final = (
    "MLTRAIN_OUTPUT_URI"  # where the executed notebook and the model go; absent: the backend's default
)
ENV_CHANNELS: Final = "MLTRAIN_CHANNELS"  # JSON object: channel name -> URI or path
ENV_JOB: Final = "MLTRAIN_JOB"  # metadata.name
ENV_ROLE: Final = "MLTRAIN_ROLE"  # Chief, Worker ... as the manifest spells it
ENV_STRATEGY: Final = "MLTRAIN_STRATEGY"  # TensorFlow distribution strategy that was asked for; absent: none was
ENV_LEADER: Final = "MLTRAIN_LEADER"  # "1" in the one replica whose executed notebook and model are the job's

ENV_PROGRAM_PATH: Final = "MLTRAIN_PROGRAM_PATH"  # os.pathsep-separated folders that hold programs by hash
ENV_INDEX: Final = "MLTRAIN_INDEX"  # replica index within the role, 0-based
ENV_REPLICA_UID: Final = "MLTRAIN_REPLICA_UID"  # marks every process of one replica on this machine
ENV_RECORDS: Final = "MLTRAIN_RECORDS"  # where run.report() sends its records, set by the runner for the kernel

# Home of a container's user: an empty, writable folder of the pod, whatever user the image was made for. On this
# machine the user's own home stands for it.
CONTAINER_HOME: Final = "/home/mltrain"
ENV_OUTPUT_DIR: Final = "MLTRAIN_OUTPUT_DIR"  # folder that run.output_dir means, set by the runner for the kernel
ENV_GRACE: Final = "MLTRAIN_GRACE"  # seconds between SIGTERM and SIGKILL; absent: 30, as for a pod
