"""The client and the embedded server; both speak the protocol of TensorFlow Serving."""
