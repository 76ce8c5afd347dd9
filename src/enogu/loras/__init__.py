"""The library of LoRAs: saved epochs and uploaded files, with what other programs want beside them (H3, H5, C5)."""
