"""Titles of products to categories: the mean of word embeddings and one linear layer. Runs alone too: python train.py"""

from collections import Counter

import jinsu
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn

TEXT, TARGET, OTHER = "product_name", "category_l1", "(other)"

params = jinsu.params(epochs=8, lr=0.005, width=64, vocabulary=6000, words=16, fewest=10, balance=0.5, batch=64, seed=0)
torch.manual_seed(params.seed)


class Titles(nn.Module):
    """Takes numbers of words, 0 where a title has no more."""

    def __init__(self, words: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(width, classes)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        present = (numbers != 0).sum(1, keepdim=True).clamp(min=1)
        mean = self.embedding(numbers).sum(1) / present  # padding embeds as zeros
        return self.linear(self.dropout(mean))


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
x, y = torch.from_numpy(tokenizer(titles[~watched])), torch.from_numpy(classes[~watched])
x_watched, y_watched = torch.from_numpy(tokenizer(titles[watched])), classes[watched]

# Rare classes weigh more: 0 weighs every row alike, 1 every class alike.
weights = torch.bincount(y, minlength=len(labels)).clamp(min=params.fewest).float() ** -params.balance
model = Titles(tokenizer.size, params.width, len(labels))
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr)
first = 0
if (kept := jinsu.load_checkpoint()) is not None:
    state, last = kept
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])  # dropout goes on where it stopped
    first = last + 1
    print(f"resuming after epoch {last + 1}")

for epoch in range(first, params.epochs):
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    model.train()
    total = 0.0
    for rows in order.split(params.batch):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows], weight=weights)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    model.eval()
    with torch.no_grad():
        guess = model(x_watched).argmax(1).numpy()
    f1_macro, accuracy = f1_score(y_watched, guess, average="macro"), float(np.mean(guess == y_watched))
    jinsu.log(step=epoch, loss=total / len(x), f1_macro=f1_macro, accuracy=accuracy)
    jinsu.save_checkpoint(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "random": torch.get_rng_state()}, step=epoch
    )
    print(
        f"epoch {epoch + 1}/{params.epochs}  loss {total / len(x):.4f}  f1_macro {f1_macro:.3f}  accuracy {accuracy:.3f}"
    )

jinsu.save(model, example=titles[:64], labels=labels, other=OTHER, tokenizer=tokenizer)
