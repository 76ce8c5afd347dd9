"""From pictures and captions to the tensors of one step: caches by content, and the loader."""
