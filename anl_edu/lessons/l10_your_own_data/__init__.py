"""Example, figures, explorers and exercises of lesson 10."""
