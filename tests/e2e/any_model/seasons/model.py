"""Looks medians up; the key of a row comes from the package."""

import json

import jinsu
import numpy as np
import tiny_seasons


class Medians:
    def load(self, files):
        self.medians = json.loads(files["medians"].read_text(encoding="utf-8"))

    def predict(self, rows):
        keys = [tiny_seasons.key(*pair) for pair in zip(rows["product"], rows["weekday"], strict=True)]
        return np.array([self.medians.get(key, self.medians[""]) for key in keys])


jinsu.set_model(Medians())
