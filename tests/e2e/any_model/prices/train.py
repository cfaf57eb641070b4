"""The category of an offer from two inputs of its own kind each: a vocabulary of brands, and a price that may be missing."""

import jinsu
import numpy as np
import torch

params = jinsu.params(epochs=30)
torch.manual_seed(0)
columns = jinsu.dataset()
brands = jinsu.Vocabulary.fit(columns["brand"], least=2)
names, target = np.unique(columns["category"].astype(str), return_inverse=True)
ids = torch.from_numpy(brands(columns["brand"]))
price = torch.from_numpy(columns["retail_price"].astype(np.float32))


class Offers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.brands = torch.nn.Embedding(brands.size, 16)
        self.last = torch.nn.Linear(18, len(names))

    def forward(self, brand, retail_price):
        missing = torch.isnan(retail_price)
        size = torch.log1p(torch.where(missing, torch.zeros_like(retail_price), retail_price)) / 10
        return self.last(torch.cat([self.brands(brand), size[:, None], missing[:, None].float()], dim=1))


model = Offers()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for epoch in range(params.epochs):
    loss = torch.nn.functional.cross_entropy(model(ids, price), torch.from_numpy(target))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    jinsu.log(step=epoch, loss=loss.item())
# Live traffic has rows without a price, so the example has some too.
missing_first = np.argsort(~torch.isnan(price).numpy(), kind="stable")[:200]
example = {"brand": columns["brand"][missing_first], "retail_price": price.numpy()[missing_first]}
jinsu.save(model, example=example, outputs="logits", labels=names.tolist(), tokenizer={"brand": brands})
