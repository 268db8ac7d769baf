"""Devstral Small 2 and its kin: a vision tower, which is left out, around a Ministral 3 or Mistral text model."""

from onnx_export.checkpoint import Settings, Source


def text_part(source: Source) -> Source:
    """Return the text model inside, under whichever name the checkpoint was saved with."""
    settings = _text_settings(source.settings)
    model = source.outer.at("model.language_model")
    if "embed_tokens.weight" in model:
        return Source(settings, model, source.outer)
    outer = source.outer.at("language_model")
    return Source(settings, outer.at("model"), outer)


def _text_settings(settings: Settings) -> Settings:
    """Whether the head is the embedding is said outside the text part, and counts there."""
    text = settings.part("text_config")
    tied = settings.flag("tie_word_embeddings", default=text.flag("tie_word_embeddings", default=False))
    return Settings({**text.raw, "tie_word_embeddings": tied}, text.where)
