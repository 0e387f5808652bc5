"""What may be shown of personal data and secrets: `config.masking`, for the engine."""

from config.masking import mask_email, mask_text

__all__ = ["mask_email", "mask_text"]
