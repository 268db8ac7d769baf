"""python -m onnx_export MODEL_DIR OUT_DIR: a Hugging Face checkpoint becomes a model folder for devstral-ls."""

import sys

try:
    from onnx_export.cli import main
except ModuleNotFoundError as error:
    print(f"error: {error.name} is not installed; pip install 'devstral-ls[cpu,export]'", file=sys.stderr)  # noqa: T201
    sys.exit(2)

if __name__ == "__main__":
    main()
