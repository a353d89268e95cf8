"""Loss and gradient norms of a very small reference network whose weights are a formula, as JSON."""
import json

import torch

from model import Config, MaskedDiffusion, loss_masked

VOCAB, LENGTH, BATCH = 24, 12, 3
TIMES = (0.25, 0.5, 0.9)


def formula(name, p):
    """Waves of one frequency, each matrix at its own phase; norms near one."""
    wave = torch.sin(0.7 * torch.arange(p.numel(), dtype=torch.float64) + len(name)).view_as(p)
    return (1 + 0.1 * wave if p.ndim == 1 else 0.3 * wave).float()


def main():
    torch.set_num_threads(1)
    model = MaskedDiffusion(Config(dim=32, depth=2, heads=2, vocab=VOCAB))
    for name, p in model.named_parameters():
        p.data = formula(name, p)
    rows, columns = torch.arange(BATCH)[:, None], torch.arange(LENGTH)[None]
    x_BL = (7 * rows + 5 * columns) % VOCAB
    masked_BL = (rows + columns) % 3 != 0
    noisy_BL = torch.where(masked_BL, model.config.mask_id, x_BL)
    loss = loss_masked(model, x_BL, noisy_BL, masked_BL, torch.tensor(TIMES))
    loss.backward()
    norms = {name: p.grad.double().norm().item() for name, p in model.named_parameters()}
    print(json.dumps({"loss": loss.item(), "gradient_norms": norms}, indent=1))


if __name__ == "__main__":
    main()
