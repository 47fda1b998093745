"""Pushes a model in one step, so that no server ever sees a half-copied version."""
