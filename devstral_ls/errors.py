"""Every error that devstral-ls raises on purpose, drawn as a tree.

    DevstralError
    ├── UsageError            an argument or a file given by the user is wrong: exit code 2
    ├── BundleError           a model folder cannot be used
    │   ├── BundleMissing     there is no such folder, or no manifest in it
    │   ├── BundleDamaged     truncated, tampered with, or not plain files
    │   └── BundleTooNew      written by a newer devstral-ls
    ├── BackendError          the runtime refused to load or run a model
    │   └── OutOfMemory       for want of memory, on the device or in the machine
    ├── PromptError           this model has no such prompt format
    ├── ChangeRefused         what a model proposes cannot be placed, or a checker objects to it
    ├── CheckerFailed         a checker was late, crashed or answered garbage
    ├── RemoteError           a remote model, or the way to it, failed
    │   ├── RemoteBusy        it failed in a way that another attempt may mend
    │   └── NoConsent         nobody allowed this folder's text to leave
    ├── Cancelled             the work was cancelled by its owner
    ├── EngineClosed          the engine was asked for work after it was closed
    └── NotShared             no engine can be shared with other servers, so this one needs its own

Messages are one line: what happened, with which value, and what to do.
"""


class DevstralError(Exception):
    """The root: catching it catches all of ours and nothing else."""


class UsageError(DevstralError):
    """An argument or a file given by the user is wrong."""


class BundleError(DevstralError):
    """A model folder cannot be used."""


class BundleMissing(BundleError):
    """There is no such folder, or no manifest in it."""


class BundleDamaged(BundleError):
    """A file of the bundle is missing, truncated, tampered with or not a plain file."""


class BundleTooNew(BundleError):
    """The bundle was written by a newer devstral-ls."""


class BackendError(DevstralError):
    """The runtime refused to load or run a model."""


class OutOfMemory(BackendError):
    """There is not the memory to load or run a model."""


class PromptError(DevstralError):
    """The model has no prompt format for this kind of request."""


class ChangeRefused(DevstralError):
    """What a model proposes cannot be placed in the files, or a checker objects to it."""


class CheckerFailed(DevstralError):
    """A checker was late, crashed or answered garbage, so nothing is proven."""


class NoCalls(CheckerFailed):
    """There is nothing that a test of a function could call."""


class RemoteError(DevstralError):
    """A remote model, or the way to it, failed."""


class RemoteBusy(RemoteError):
    """It failed in a way that another attempt may mend."""


class NoConsent(RemoteError):
    """Nobody allowed this folder's text to leave."""


class Cancelled(DevstralError):
    """The work was cancelled by its owner."""


class EngineClosed(DevstralError):
    """The engine was asked for work after it was closed."""


class NotShared(DevstralError):
    """No engine can be shared with other servers, so this one needs its own."""
