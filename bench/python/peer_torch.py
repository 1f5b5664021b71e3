"""PyTorch: `peer_torch.py VARIANT THREADS MODELS`, where the variant is `eager` or `compile`; Adam is the fused one."""

import sys

import torch
from torch import nn
from torch.nn import functional

from serve import BATCHES, inputs, repeated, serve, targets, weights

variant, threads, _ = sys.argv[1:]
torch.set_num_threads(int(threads))
LOSSES = {
    "softmax_cross_entropy": functional.cross_entropy,
    "binary_cross_entropy": functional.binary_cross_entropy_with_logits,
    "squared": functional.mse_loss,
}


def network(case):
    layers = []
    for w, b in weights(case["layers"]):
        linear = nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def training(case):
    model = network(case)
    adam = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)
    x, y = torch.from_numpy(inputs(case, BATCHES)), torch.from_numpy(targets(case, BATCHES))
    batches = list(zip(x, y.long() if y.dtype == torch.int32 else y))
    loss = lambda x, y: LOSSES[case["loss"]](model(x), y)
    if variant == "compile":
        torch._dynamo.reset()
        loss = torch.compile(loss)

    def work(count):
        for i in range(count):
            loss(*batches[i % BATCHES]).backward()
            adam.step()
            adam.zero_grad(set_to_none=True)

    return work


def inference(case):
    model, x = network(case).eval(), torch.from_numpy(inputs(case)[0])
    if variant == "compile":
        torch._dynamo.reset()
        torch._inductor.config.freezing = True
        model = torch.compile(model, dynamic=False)
        # Freezing wants no_grad.
        return torch.no_grad()(repeated(lambda: model(x)))
    return torch.inference_mode()(repeated(lambda: model(x)))


serve(lambda case: {"training": training, "inference": inference}[case["work"]](case))
