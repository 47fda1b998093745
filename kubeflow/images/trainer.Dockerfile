# The image of the Trainer: that of the other components, and CUDA's libraries as TensorFlow asks for them. The driver is
# the node's. From the root of the repository, after the other image:
#   docker build --file kubeflow/images/trainer.Dockerfile --tag shelfwise-gpu .
ARG BASE=shelfwise:latest

FROM ${BASE}
USER 0
COPY kubeflow/images/cuda.lock /opt/shelfwise/cuda.lock
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement /opt/shelfwise/cuda.lock
USER 10001
