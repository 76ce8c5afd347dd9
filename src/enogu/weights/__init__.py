"""What a safetensors file says of itself: its header, bounded and checked, and the family its keys belong to."""
