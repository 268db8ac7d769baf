"""A manifest that is right, for folders whose files are no model."""

from devstral_ls.engine.manifest import Manifest

MANIFEST = Manifest(
    name="tiny",
    architecture="mixtral",
    precision="int8",
    window_tokens=1024,
    vocab_size=8192,
    n_layers=2,
    n_kv_heads=1,
    head_dim=64,
    kv_dtype="float32",
    kv_bytes_per_token=1024,
    n_experts=8,
    n_experts_per_token=2,
    n_parameters=1000,
    n_active_parameters=400,
    bos_token_id=1,
    eos_token_ids=(2,),
    prompt_formats={"infill": "mistral", "chat": None},
    capabilities=("infill",),
    license="Apache-2.0",
    provenance={"trained_on": "nothing"},
)
