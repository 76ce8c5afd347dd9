"""Enogu (絵の具): a self-hosted studio for making LoRAs."""

__version__ = "0.1.0"
