"""TensorFlow Serving's REST API as a WSGI application."""

from serving.rest.application import application

__all__ = ["application"]
