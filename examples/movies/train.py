"""The next film of a person: one block of self-attention over the last films, after SASRec (Kang & McAuley 2018).

Runs alone too: python train.py
"""

import jinsu
import numpy as np
import torch
from torch import nn

params = jinsu.params(epochs=3, lr=0.002, width=64, heads=2, dropout=0.3, batch=256, fade=1.0, seed=0)
torch.manual_seed(params.seed)
torch.set_num_threads(1)  # the steps are small: a second thread would wait for the first
SEEN = 1e4
"""Taken from the score of a film that the history holds."""


class NextFilm(nn.Module):
    """Takes numbers of films, the latest last, and answers one score a film of the vocabulary.

    The last film asks all others (a causal block of which only the last place is needed). A film's score is the product of what came
    out and the film's own vector, and a bias, which is how popular the film is.
    """

    def __init__(self, films: int, length: int, width: int, heads: int, dropout: float, nothing: int) -> None:
        super().__init__()
        self.films = nn.Embedding(films, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.asks, self.is_asked, self.says = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.mixes = nn.Linear(width, width)
        self.thinks = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.bias = nn.Parameter(torch.zeros(films))
        self.dropout = nn.Dropout(dropout)
        self.heads, self.nothing = heads, nothing
        nn.init.normal_(self.films.weight, std=0.05)

    def forward(self, history: torch.Tensor) -> torch.Tensor:
        rows = history.shape[0]
        states = self.dropout(self.norms[0](self.films(history) + self.places))
        split = (rows, -1, self.heads, states.shape[2] // self.heads)
        asked = self.asks(states[:, -1:]).reshape(split).transpose(1, 2)
        keys, values = (part(states).reshape(split).transpose(1, 2) for part in (self.is_asked, self.says))
        match = asked @ keys.transpose(2, 3) / split[3] ** 0.5
        match = match - 1e4 * (history == self.nothing).float()[:, None, None, :]
        found = (match.softmax(3) @ values).transpose(1, 2).reshape(rows, -1)
        state = self.norms[1](states[:, -1] + self.dropout(self.mixes(found)))
        state = self.norms[2](state + self.dropout(self.thinks(state)))
        scores = state @ self.films.weight.T + self.bias
        seen = torch.zeros_like(scores).scatter(1, history, SEEN)
        return (scores - seen)[:, FIRST:]


columns = jinsu.dataset(alone="/tmp/movies.parquet")
history, films = columns["history"], columns["movie_id"]
vocabulary = jinsu.Vocabulary.fit(np.concatenate([history.ravel(), films]))
FIRST = 2  # numbers 0 and 1 of a vocabulary are no film
x, y = torch.from_numpy(vocabulary(history)), torch.from_numpy(vocabulary(films)) - FIRST

# The rows come in time. The last tenth is watched while the rest trains, as the platform holds out what is later still.
cut = int(len(x) * 0.9)
# Films come and go: the bias begins with how often a film was rated, rows of long ago counting less (`fade`, e-folds).
age = torch.linspace(params.fade * 3, 0, cut)
counts = torch.zeros(len(vocabulary.values)).index_add(0, y[:cut], torch.exp(-age))
model = NextFilm(vocabulary.size, x.shape[1], params.width, params.heads, params.dropout, int(vocabulary([0])[0]))
with torch.no_grad():
    model.bias[FIRST:] = torch.log(counts + 0.01)
    model.bias[:FIRST] = -20.0
    if 0 in vocabulary.values:
        model.bias[model.nothing] = -20.0  # no film is never the next one
optimizer = torch.optim.Adam(model.parameters(), lr=params.lr, weight_decay=0.0)
weights = torch.exp(-age)


def ndcg(rows: slice) -> float:
    """NDCG at 10 of rows with one film that came next."""
    with torch.no_grad():
        scores = torch.cat([model(part) for part in x[rows].split(512)])
    rank = (scores >= scores.gather(1, y[rows, None])).sum(1)
    return float(torch.where(rank <= 10, 1 / torch.log2(rank + 1.0), 0.0).mean())


model.eval()
print(f"popularity alone  ndcg_at_10 {ndcg(slice(cut, None)):.4f}")
best, kept = -1.0, {name: value.clone() for name, value in model.state_dict().items()}
for epoch in range(params.epochs):
    order = torch.randperm(cut, generator=torch.Generator().manual_seed(params.seed * 1000 + epoch))
    model.train()
    total = 0.0
    for rows in order.split(params.batch):
        optimizer.zero_grad()
        loss = (nn.functional.cross_entropy(model(x[rows]), y[rows], reduction="none") * weights[rows]).sum()
        loss = loss / weights[rows].sum()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    model.eval()
    watched = ndcg(slice(cut, None))
    if watched > best:
        best, kept = watched, {name: value.clone() for name, value in model.state_dict().items()}
    jinsu.log(step=epoch, loss=total / cut, ndcg_at_10=watched)
    print(f"epoch {epoch + 1}/{params.epochs}  loss {total / cut:.4f}  ndcg_at_10 {watched:.4f}")

model.load_state_dict(kept)  # the best epoch, as the watched rows see it
jinsu.save(
    model,
    example={"history": history[-64:]},
    outputs="item scores",
    labels=[str(film) for film in vocabulary.values],
    tokenizer={"history": vocabulary},
)
