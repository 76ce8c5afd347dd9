"""Flux.1 dev and schnell: a transformer on rectified flow, told by T5 and CLIP-L."""
