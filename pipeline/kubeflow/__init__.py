"""The pipeline on Kubeflow Pipelines: what compiles and submits it, and what its containers start.

It lives below `pipeline` since the import name `kubeflow` belongs to another distribution.
"""
