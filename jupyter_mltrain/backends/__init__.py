"""Where jobs run: this machine or a Kubernetes cluster, behind one interface."""
