"""The errors of LSP that pygls does not know."""

from lsprotocol import types
from pygls.exceptions import JsonRpcException


class JsonRpcRequestFailed(JsonRpcException):
    """LSP's RequestFailed, which pygls 2.1.1 does not know."""

    CODE = types.LSPErrorCodes.RequestFailed
    MESSAGE = "Request Failed"
