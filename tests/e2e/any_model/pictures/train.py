"""Pictures without their noise: a small network of convolutions from picture to picture."""

import jinsu
import numpy as np
import torch

params = jinsu.params(epochs=2)
torch.manual_seed(0)
columns = jinsu.dataset()
noisy = torch.from_numpy(np.asarray(columns["noisy"], np.float32).reshape(-1, 1, 28, 28))
clean = torch.from_numpy(np.asarray(columns["clean"], np.float32).reshape(-1, 1, 28, 28))


class Denoise(torch.nn.Module):
    def __init__(self):
        super().__init__()
        layers = [torch.nn.Conv2d(1, 8, 5, padding=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 5, padding=2)]
        self.layers = torch.nn.Sequential(*layers)

    def forward(self, picture):
        return torch.sigmoid(self.layers(picture))


model = Denoise()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(params.epochs):
    for some in torch.randperm(len(noisy)).split(64):
        loss = torch.nn.functional.mse_loss(model(noisy[some]), clean[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    jinsu.log(step=epoch, loss=loss.item())
jinsu.save(model, example=noisy[:32].numpy(), outputs="image")
