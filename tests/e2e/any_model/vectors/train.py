"""Titles of one product lie near each other: the mean of one vector for each piece of a title, with rare pieces longer."""

import jinsu
import numpy as np
import torch

params = jinsu.params(size=128)
titles = jinsu.dataset()["title"]
pieces = jinsu.CharacterNgrams.fit(titles, size=4000, length=80)
ids = pieces(titles)
seen = np.bincount(ids.ravel(), minlength=pieces.size).clip(1)


class Vectors(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        rarity = torch.from_numpy(np.log(len(titles) * ids.shape[1] / seen)).float()
        vectors = torch.randn(len(seen), params.size) * rarity[:, None]
        vectors[0] = 0.0
        self.table = torch.nn.Embedding.from_pretrained(vectors)

    def forward(self, ids):
        return torch.nn.functional.normalize(self.table(ids).sum(dim=1) + 1e-6)


jinsu.save(Vectors(), example=titles[:64], outputs="embedding", tokenizer=pieces)
