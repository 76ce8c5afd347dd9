"""Tags: what a tagger sees in pictures, and the captions made of it. Import from the modules.

Taggers stand behind one protocol (``entities.Tagger``); ``fake.FakeTagger`` keeps the same contract without weights.
"""
