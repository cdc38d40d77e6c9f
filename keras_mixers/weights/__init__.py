"""Released weights: downloads them, reads them, and loads them into models."""
