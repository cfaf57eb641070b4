"""Titles, brands and prices of products to paths of a tree of categories. Runs alone too: python train.py"""

from collections import Counter

import jinsu
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn

TEXT, TARGET, OTHER = "title", "category_path", "(other)"

params = jinsu.params(
    epochs=12, lr=0.004, width=128, vocabulary=12000, words=16, fewest=8, balance=0.3, smoothing=0.1, batch=64, seed=0
)
torch.manual_seed(params.seed)
torch.set_num_threads(1)  # the steps are small: a second thread would wait for the first


class Products(nn.Module):
    """Takes numbers of words (0 where a title has no more), the number of a brand, and a price, NaN where it is missing."""

    def __init__(self, words: int, brands: int, width: int, classes: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.brands = nn.Embedding(brands, width)
        self.price = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, width))
        self.dropout = nn.Dropout(0.4)
        self.linear = nn.Linear(width, classes)

    def forward(self, title: torch.Tensor, brand: torch.Tensor, price: torch.Tensor) -> torch.Tensor:
        missing = torch.isnan(price)
        size = torch.log1p(torch.where(missing, torch.full_like(price, 1000.0), price)) - 7
        price = self.price(torch.stack([size, missing.float()], dim=1))
        present = (title != 0).sum(1, keepdim=True).clamp(min=1)
        mean = self.words(title).sum(1) / present**0.5  # padding embeds as zeros
        return self.linear(self.dropout(mean + self.brands(brand) + price))


columns = jinsu.dataset(alone="/tmp/product_titles.parquet")
titles, categories = columns[TEXT], columns[TARGET]

# Categories with too few rows to learn from are one class together. The platform folds its own rows the same way,
# since jinsu.save gets `labels` and `other`.
counts = Counter(categories.tolist())
labels = [*sorted(name for name, rows in counts.items() if rows >= params.fewest and name != OTHER), OTHER]
number = {name: index for index, name in enumerate(labels)}
classes = np.array([number.get(name, number[OTHER]) for name in categories])

# Rows of our own to watch while training, whole titles only: the same title often comes many times. The platform keeps
# other titles for its evaluation, which this script never sees.
distinct, title_of_row = np.unique(titles.astype(str), return_inverse=True)
watched = (np.random.default_rng(params.seed).random(len(distinct)) < 0.1)[title_of_row]
tokenizer = jinsu.Tokenizer.fit(titles[~watched], size=params.vocabulary, length=params.words)
brands = jinsu.Vocabulary.fit(columns["brand"][~watched], least=2)
price = columns["price"].astype(np.float32)
inputs = tuple(torch.from_numpy(one) for one in (tokenizer(titles), brands(columns["brand"]), price))
truth = torch.from_numpy(classes)
learned, kept_back = torch.from_numpy(np.flatnonzero(~watched)), torch.from_numpy(np.flatnonzero(watched))

# Rare classes weigh more: 0 weighs every row alike, 1 every class alike.
sizes = torch.bincount(truth[learned], minlength=len(labels)).clamp(min=params.fewest).float()
weights = sizes**-params.balance
weights /= (weights * sizes).sum() / sizes.sum()
criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=params.smoothing)
model = Products(tokenizer.size, brands.size, params.width, len(labels))
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=params.epochs)
first = 0
if (kept := jinsu.load_checkpoint()) is not None:
    state, last = kept
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])  # dropout goes on where it stopped
    first = last + 1
    print(f"resuming after epoch {last + 1}")

for epoch in range(first, params.epochs):
    order = torch.randperm(len(learned), generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    model.train()
    total = 0.0
    for rows in learned[order].split(params.batch):
        optimizer.zero_grad()
        loss = criterion(model(*(one[rows] for one in inputs)), truth[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    schedule.step()
    model.eval()
    with torch.no_grad():
        scores = model(*(one[kept_back] for one in inputs))
    guess, real = scores.argmax(1), truth[kept_back]
    f1_macro, accuracy = f1_score(real, guess, average="macro"), float((guess == real).float().mean())
    top_5 = float((scores.topk(5).indices == real[:, None]).any(1).float().mean())
    jinsu.log(step=epoch, loss=total / len(learned), f1_macro=f1_macro, accuracy=accuracy, top_5_accuracy=top_5)
    jinsu.save_checkpoint(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "random": torch.get_rng_state(),
        },
        step=epoch,
    )
    print(
        f"epoch {epoch + 1}/{params.epochs}  loss {total / len(learned):.4f}  f1_macro {f1_macro:.3f}  "
        f"accuracy {accuracy:.3f}  top_5 {top_5:.3f}"
    )

# Live traffic has products without a brand or a price, so the example has some too.
missing_first = np.argsort(~np.isnan(price), kind="stable")
chosen = np.r_[missing_first[:32], missing_first[-32:]]
example = {"title": titles[chosen], "brand": columns["brand"][chosen], "price": price[chosen]}
jinsu.save(
    model, example, outputs="logits", labels=labels, other=OTHER, tokenizer={"title": tokenizer, "brand": brands}
)
