"""Times full-size training steps with PyTorch, as `-- step` does with the library: python3 step.py lora|peft|full [batch] [float32|bfloat16] [cpu|cuda].

ViT-B/16 at 224 px written plainly. `lora` is LoRA on q and v as the paper's code has it (one grouped convolution, padded with zeros), `peft` is one LoRA over the whole of qkv as Hugging
Face PEFT has it (with fused attention), `full` trains everything. bfloat16 is autocast.
"""
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, DEPTH, HEADS, RANK, ALPHA = 768, 12, 12, 4, 32


class MergedLora(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(WIDTH, 3 * WIDTH)
        self.a = nn.Parameter(torch.randn(2 * RANK, WIDTH) * .02)
        self.b = nn.Parameter(torch.randn(2 * WIDTH, RANK, 1) * .02)
        self.register_buffer("rows", torch.cat([torch.arange(WIDTH), torch.arange(2 * WIDTH, 3 * WIDTH)]))

    def forward(self, x):
        low = F.linear(F.dropout(x, .1, self.training), self.a)
        update = F.conv1d(low.transpose(1, 2), self.b, groups=2).transpose(1, 2)
        padded = x.new_zeros(*x.shape[:2], 3 * WIDTH, dtype=update.dtype).index_copy(2, self.rows, update)
        return self.base(x) + padded * (ALPHA / RANK)


class PeftLora(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Linear(WIDTH, 3 * WIDTH)
        self.a = nn.Linear(WIDTH, RANK, bias=False)
        self.b = nn.Linear(RANK, 3 * WIDTH, bias=False)

    def forward(self, x):
        return self.base(x) + self.b(self.a(F.dropout(x, .1, self.training))) * (ALPHA / RANK)


class Block(nn.Module):
    def __init__(self, kind, drop):
        super().__init__()
        self.kind, self.drop = kind, drop
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, 1e-6), nn.LayerNorm(WIDTH, 1e-6)
        self.qkv = {"lora": MergedLora, "peft": PeftLora}.get(kind, lambda: nn.Linear(WIDTH, 3 * WIDTH))()
        self.proj, self.fc1, self.fc2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def attend(self, x):
        b, n, _ = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        if self.kind == "peft":
            out = F.scaled_dot_product_attention(q, k, v)
        else:
            out = ((q @ k.transpose(-2, -1)) * (WIDTH // HEADS) ** -.5).softmax(-1) @ v
        return self.proj(out.transpose(1, 2).reshape(b, n, WIDTH))

    def path(self, x):
        if self.drop == 0 or not self.training:
            return x
        return x / (1 - self.drop) * (torch.rand(x.shape[0], 1, 1, device=x.device) >= self.drop)

    def forward(self, x):
        x = x + self.path(self.attend(self.norm1(x)))
        return x + self.path(self.fc2(F.gelu(self.fc1(self.norm2(x)))))


class Vit(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 16, stride=16)
        self.token, self.positions = nn.Parameter(torch.zeros(1, 1, WIDTH)), nn.Parameter(torch.randn(1, 197, WIDTH) * .02)
        self.blocks = nn.ModuleList(Block(kind, .1 * i / (DEPTH - 1)) for i in range(DEPTH))
        self.norm, self.head = nn.LayerNorm(WIDTH, 1e-6), nn.Linear(WIDTH, 14)
        if kind != "full":
            for name, parameter in self.named_parameters():
                parameter.requires_grad = name.startswith(("norm.", "head.")) or ".qkv.a" in name or ".qkv.b." in name or name.endswith(".qkv.b")

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 1:].mean(1)))


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "lora"
    batch = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    half = len(sys.argv) > 3 and sys.argv[3] == "bfloat16"
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    model = Vit(kind).to(device).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, .01, momentum=.9)
    images, labels = torch.rand(batch, 3, 224, 224, device=device), torch.randint(0, 2, (batch, 14), device=device).float()
    times = []
    for _ in range(8):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=half):
            logits = model(images)
        F.binary_cross_entropy_with_logits(logits.float(), labels).backward()
        optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    median = statistics.median(times[1:])
    peak = torch.cuda.max_memory_allocated() / 2**20 if device != "cpu" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{kind}, batch {batch}, {'bfloat16' if half else 'float32'}, {device}, torch {torch.__version__}: {sum(p.numel() for p in trained):,} parameters trained; "
          f"step {median:.3f} s (median of {len(times) - 1}), {batch / median:.2f} images/s; peak memory {peak:,.0f} MiB")


main()
