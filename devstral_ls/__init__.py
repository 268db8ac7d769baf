"""A language server that brings a local code model to any editor."""

import os

# ONNX Runtime 1.32 reports its use over HTTPS, and keeps a device id for it, unless this is set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
