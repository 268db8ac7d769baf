"""How weights are stored: `choose` gives the encoding for a precision and a provider."""

from onnx_export.build import Encoding
from onnx_export.encodings.blockwise import Blockwise
from onnx_export.encodings.floating import Floating
from onnx_export.errors import Unsupported
from onnx_export.report import QuantisationReport

PRECISIONS = ("fp32", "fp16", "int8", "int4")


def choose(precision: str, provider: str, report: QuantisationReport) -> Encoding:
    """CPU kernels compute in float32 whatever is stored; CUDA kernels want float16."""
    activation = "float16" if provider == "cuda" else "float32"
    match precision:
        case "fp32" if provider == "cuda":
            raise Unsupported("CUDA's fused attention has no float32 kernel; take --precision fp16, int8 or int4")
        case "fp32":
            return Floating(activation=activation, storage="float32")
        case "fp16":
            return Floating(activation=activation, storage="float16")
        case "int8":
            return Blockwise(activation=activation, bits=8, report=report)
        case "int4":
            return Blockwise(activation=activation, bits=4, report=report)
    raise Unsupported(f"no precision {precision!r}; known are {', '.join(PRECISIONS)}")
