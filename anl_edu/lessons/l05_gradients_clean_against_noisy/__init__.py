"""Figures, explorers and exercises of lesson 05."""
