"""The room of serving forms: a checkpoint converted, checked on the user's own questions, and recorded."""

from llama_index_rerank_tuner.deployment.export import export_onnx, export_openvino
from llama_index_rerank_tuner.deployment.gate import Parity, check_parity
from llama_index_rerank_tuner.deployment.optimising import optimise, variants_table
from llama_index_rerank_tuner.deployment.quantize import quantize_onnx

__all__ = [
    "Parity",
    "check_parity",
    "export_onnx",
    "export_openvino",
    "optimise",
    "quantize_onnx",
    "variants_table",
]
