"""Text to vectors: the bundled MiniLM as TF Hub modules, and the layer that takes any TF Hub text encoder."""
