"""The PyTorch side of vs_pytorch.py: the same networks and the same update, in a process of its own.

It is started as ``python worker_pytorch.py NETWORK BATCH VARIANT``. A variant is ``eager``, or some of
``channels_last``, ``fused``, ``compile``, ``graphs`` (compiled, and replayed as CUDA graphs) and ``bfloat16``
(autocast) with + between. PyTorch compiles no gradient of a gradient, so a discriminator with a penalty is
not compiled. The worker uses a GPU if the machine has one, with TF32 as JAX does. It answers with lines of
JSON: at first with its version and its numbers of parameters, then for each line ``SECONDS`` on the standard
input with the seconds of a step, the processor's seconds of a step, and the most memory that training has
held.
"""

import json
import sys
import time

import torch
from torch.nn import functional as F  # noqa: N812

from memory import forget_peak, peak_bytes
from torch_networks import pairs, setup

IMAGES, EMA_DECAY, GAMMA = 4096, 0.999, 0.1
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def discriminator_loss(loss: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Return the discriminator's loss of logits."""
    if loss == "relativistic":
        return F.softplus(fake - real).mean()
    if loss == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(loss: str, real: torch.Tensor | None, fake: torch.Tensor) -> torch.Tensor:
    """Return the generator's loss of logits; only the relativistic one takes those of real images."""
    if real is not None:
        return F.softplus(real - fake).mean()
    return (-fake if loss == "hinge" else F.softplus(-fake)).mean()


def squared_gradients(logits: torch.Tensor, images: list[torch.Tensor]) -> torch.Tensor:
    """Return the penalty R1, or R1 and R2, of the images that are given."""
    gradients = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return 0.5 * GAMMA * sum(each.square().sum((1, 2, 3)).mean() for each in gradients)


def main() -> None:
    """Answer each request for so many seconds of training with the seconds of one step."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), set(sys.argv[3].split("+"))
    torch.manual_seed(0)
    generator, discriminator, shape, loss, penalty, latent_dim, classes = setup(name, batch)
    counts = [sum(weight.numel() for weight in each.parameters()) for each in (generator, discriminator)]
    layout = (
        torch.channels_last if "channels_last" in variant and len(shape) == 3 else torch.contiguous_format
    )
    generator, discriminator = (each.to(DEVICE, memory_format=layout) for each in (generator, discriminator))
    options = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": "fused" in variant}
    g_tx = torch.optim.Adam(generator.parameters(), **options)
    d_tx = torch.optim.Adam(discriminator.parameters(), **options)
    weights = [*generator.parameters(), *(b for b in generator.buffers() if b.is_floating_point())]
    average = [weight.detach().clone() for weight in weights]
    images = torch.randint(0, 256, (IMAGES, *shape), dtype=torch.uint8, device=DEVICE)
    classes_of = None if classes is None else torch.arange(IMAGES, device=DEVICE) % classes
    play, judge = generator, discriminator
    if variant & {"compile", "graphs"}:
        mode = "reduce-overhead" if "graphs" in variant else None
        play = torch.compile(generator, mode=mode)
        judge = torch.compile(discriminator, mode=mode) if penalty == "none" else discriminator
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

    def autocast() -> torch.autocast:
        return torch.autocast(DEVICE, dtype=torch.bfloat16, enabled="bfloat16" in variant)

    translates = name in pairs.GAMES

    def inputs(real: torch.Tensor) -> torch.Tensor:
        return pairs.degraded(name, real) if translates else torch.randn(batch, latent_dim, device=DEVICE)

    def shown(images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        if not translates:
            return images
        return torch.cat([images, F.interpolate(given, size=images.shape[2:])], 1)

    def step() -> torch.Tensor:
        if "graphs" in variant:
            torch.compiler.cudagraph_mark_step_begin()
        rows = torch.randint(0, IMAGES, (batch,), device=DEVICE)
        real = (images[rows].float() / 127.5 - 1).contiguous(memory_format=layout)
        labels = () if classes_of is None else (classes_of[rows],)
        d_tx.zero_grad(set_to_none=True)
        with torch.no_grad(), autocast():
            given = inputs(real)
            fake = play(given, *labels).clone()  # a graph's next call overwrites its result
        penalized = {"none": [], "r1": [real], "r1_r2": [real, fake]}[penalty]
        for each in penalized:
            each.requires_grad_()
        with autocast():
            real_logits = judge(shown(real, given), *labels).clone()
            fake_logits = judge(shown(fake, given), *labels)
        total = discriminator_loss(loss, real_logits.float(), fake_logits.float())
        if penalized:
            logits = real_logits if penalty == "r1" else real_logits + fake_logits
            total = total + squared_gradients(logits, penalized)
        total.backward()
        real = real.detach()
        d_tx.step()
        g_tx.zero_grad(set_to_none=True)
        for weight in discriminator.parameters():
            weight.requires_grad_(False)
        with autocast():
            given = inputs(real)
            fake = play(given, *labels)
            beside = judge(real, *labels).float() if loss == "relativistic" else None
            logits = judge(shown(fake, given), *labels).float()
        total = generator_loss(loss, beside, logits)
        (total + pairs.RECONSTRUCTION * (fake - real).abs().mean() if translates else total).backward()
        g_tx.step()
        for weight in discriminator.parameters():
            weight.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - EMA_DECAY)
        return total.detach()

    def finish() -> None:
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    finish()
    start = time.perf_counter()
    for _ in range(2):
        step()
    finish()
    chunk = max(1, round(0.1 / ((time.perf_counter() - start) / 2)))  # steps between looks at the clock
    print(json.dumps({"versions": {"torch": torch.__version__}, "parameters": counts}), flush=True)
    forget_peak()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for line in sys.stdin:
        count, start, busy = 0, time.perf_counter(), time.process_time()
        while (taken := time.perf_counter() - start) < float(line):
            for _ in range(chunk):
                step()
            finish()
            count += chunk
        held = torch.cuda.max_memory_allocated() if DEVICE == "cuda" else peak_bytes()
        busy = time.process_time() - busy
        answer = {"step_seconds": taken / count, "processor_seconds": busy / count, "peak_bytes": held}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
