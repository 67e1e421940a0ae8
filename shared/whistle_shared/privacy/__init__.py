"""What is a person's own: numbers blotted out wherever text is kept in the clear, and keys that can be destroyed.

INVARIANT: once its key is destroyed, nothing that was sealed with it can be read, wherever a copy of it lies.
"""

from whistle_shared.privacy.masking import masked, masked_name, masked_phone, masked_values
from whistle_shared.privacy.numbers import phone_of
from whistle_shared.privacy.vault import SHARDS, Vault, seal, shard_of

__all__ = ["SHARDS", "Vault", "masked", "masked_name", "masked_phone", "masked_values", "phone_of", "seal", "shard_of"]
