"""The rules of the Training Operator and of Kubernetes' Job controller as pure functions: no clock, no input, no output.

Source of the rules: kubeflow/training-operator v1.9.4 (``pkg/controller.v1``) and Kubernetes 1.36 (batch/v1 Job).
"""
