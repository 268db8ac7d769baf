"""Every error of the workshop, drawn as a tree.

ExportError               root: one line for the user, what, which value, what to do
├── CheckpointError       the folder is not a checkpoint that can be read
│   ├── TensorMissing     a tensor or a shard is not there
│   └── TensorDamaged     truncated, of the wrong shape, or not finite
├── Unsupported           an architecture, a variant or a combination that is not proven
├── AdapterError          a LoRA adapter that does not fit the checkpoint
├── TokenizerError        a tokenizer that cannot become a tokenizer.json
└── VerdictError          the written graph does not compute what it should
"""

from devstral_ls.errors import DevstralError


class ExportError(DevstralError):
    """The export stopped; nothing that `verify_bundle` accepts was written."""


class CheckpointError(ExportError):
    """The folder is not a checkpoint that can be read."""


class TensorMissing(CheckpointError):
    """A tensor or a shard is not there."""


class TensorDamaged(CheckpointError):
    """A tensor is truncated, of the wrong shape, or not finite."""


class Unsupported(ExportError):
    """An architecture, a variant or a combination that is not proven."""


class AdapterError(ExportError):
    """A LoRA adapter that does not fit the checkpoint."""


class TokenizerError(ExportError):
    """A tokenizer that cannot become a tokenizer.json."""


class VerdictError(ExportError):
    """The written graph does not compute what it should."""
