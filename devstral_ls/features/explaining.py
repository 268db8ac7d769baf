"""What the model at hand says about a place, where it follows instructions: for a reader, and not verified."""

from devstral_ls.engine.request import FinishReason
from devstral_ls.errors import PromptError
from devstral_ls.features.questions import MAX_EXPLANATION_TOKENS, as_words, beside, to_explain, window_of
from devstral_ls.features.writer import Writer
from devstral_ls.text import Place

DEADLINE_MS = 60_000


def explanation(place: Place, writer: Writer) -> str:
    """A few sentences about the line of a place; raises `PromptError` where there are none."""
    document = place.document
    window = window_of(document, document.text, place.line, name=document.path)
    if window.first + len(window.lines) <= place.line:
        raise PromptError("this text has line endings that the model is not shown")
    question = to_explain(window, place.line)
    others = writer.others(place, question, max_tokens=MAX_EXPLANATION_TOKENS, deadline_ms=DEADLINE_MS)
    question = beside(question, others, document.language_id)
    key = f"{document.uri}:{place.line}"
    answer = writer.ask(question, key=key, max_tokens=MAX_EXPLANATION_TOKENS, deadline_ms=DEADLINE_MS)
    if answer is None:
        raise PromptError(f"{writer.name} had nothing to say")
    return as_words(answer.text, writer.name, is_whole=answer.finish is FinishReason.END)
