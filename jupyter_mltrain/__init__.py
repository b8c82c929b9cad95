"""A notebook becomes a container image and a TFJob or PyTorchJob, on a Kubernetes cluster or on this machine."""
