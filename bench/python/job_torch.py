"""Trains with PyTorch from a table to saved parameters: `job_torch.py TABLE FILE`."""

import json
import sys

import torch
from torch import nn

from tables import read

x, y = (torch.from_numpy(a) for a in read(sys.argv[1]))
y = y.long()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
adam = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(50):
    for rows in torch.randperm(len(x)).split(32):
        adam.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        adam.step()
torch.save(model.state_dict(), sys.argv[2])
accuracy = (model(x).argmax(1) == y).float().mean().item()
print(json.dumps({"metrics": {"accuracy": accuracy}}))
