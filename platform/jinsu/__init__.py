"""Jinsu launches machine-learning models. In a training script this name is the researcher's SDK.

A script reads its parameters and its rows, trains, and saves the model:

    import jinsu
    import numpy as np
    import torch

    params = jinsu.params(epochs=20, lr=0.05)
    columns = jinsu.dataset(alone="sales.parquet")

    shops = jinsu.Vocabulary.fit(columns["shop"], least=2)
    ids = torch.from_numpy(shops(columns["shop"]))
    price = torch.from_numpy(columns["price"].astype(np.float32))
    sold = torch.from_numpy(columns["sold"].astype(np.float32))


    class Demand(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.shops = torch.nn.Embedding(shops.size, 4)
            self.last = torch.nn.Linear(5, 1)

        def forward(self, shop, price):
            return self.last(torch.cat([self.shops(shop), price[:, None]], dim=1))[:, 0]


    model = Demand()
    optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
    for epoch in range(params.epochs):
        loss = torch.nn.functional.mse_loss(model(ids, price), sold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        jinsu.log(step=epoch, loss=loss.item())

    example = {"shop": columns["shop"][:64], "price": price[:64].numpy()}
    jinsu.save(model, example=example, outputs="value", tokenizer={"shop": shops})

`python train.py` runs it without the platform, `jinsu check FOLDER` on a sample of the platform's rows, and
`jinsu submit FOLDER` launches the model. `help(jinsu.save)` explains one function, and docs/sdk.md all of them.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    sdk = import_module("jinsu.sdk")
    if name == "__all__":  # what `help(jinsu)` shows; each name is imported when it is asked for
        return dir(sdk)
    if name in dir(sdk):
        return getattr(sdk, name)
    raise AttributeError(f"module 'jinsu' has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *dir(import_module("jinsu.sdk"))]
