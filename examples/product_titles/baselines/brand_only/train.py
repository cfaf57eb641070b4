"""The categories of a brand, as often as it has them: what is known without reading the title."""

from collections import Counter

import jinsu
import numpy as np
import torch

OTHER = "(other)"

params = jinsu.params(fewest=8)
columns = jinsu.dataset(alone="/tmp/product_titles.parquet")
counts = Counter(columns["category_path"].tolist())
labels = [*sorted(name for name, rows in counts.items() if rows >= params.fewest), OTHER]
number = {name: index for index, name in enumerate(labels)}
classes = np.array([number.get(name, number[OTHER]) for name in columns["category_path"]])
brands = jinsu.Vocabulary.fit(columns["brand"], least=2)


class Shares(torch.nn.Module):
    """Row i holds the share of each category among the products of brand i, drawn towards the shares of all products."""

    def __init__(self, brand: np.ndarray) -> None:
        super().__init__()
        everywhere = np.bincount(classes, minlength=len(labels)) / len(classes)
        table = np.tile(everywhere, (brands.size, 1))
        np.add.at(table, (brand, classes), 1.0)
        self.register_buffer("shares", torch.from_numpy(table / table.sum(1, keepdims=True)).float())

    def forward(self, brand: torch.Tensor) -> torch.Tensor:
        return self.shares[brand]


model = Shares(brands(columns["brand"]))
example = {"brand": columns["brand"][:64]}
jinsu.save(model, example, outputs="probabilities", labels=labels, other=OTHER, tokenizer={"brand": brands})
