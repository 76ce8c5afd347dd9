"""Rules of drawings that need no database: prompts with LoRAs in them, cells, and a picture's text as a form."""
