"""What the model should see: windows of the text, signatures from elsewhere, packed into a budget."""

from devstral_ls.context.gather import gather
from devstral_ls.context.neighbours import Neighbours
from devstral_ls.context.pieces import Budget, Context, CountTokens, Piece
from devstral_ls.context.workspace import WATCHED_FILES, Sources, Workspace

__all__ = ["WATCHED_FILES", "Budget", "Context", "CountTokens", "Neighbours", "Piece", "Sources", "Workspace", "gather"]
