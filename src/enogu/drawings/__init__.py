"""Pictures drawn with a base model and LoRAs, queued before runs and kept with how they were drawn (I2 to I6)."""
