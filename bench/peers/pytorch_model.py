"""The models of the benchmarks as a user of plain PyTorch 1.13 would write them, after Karpathy's nanoGPT.

Modules are named as ours are, so that names of parameters agree but for a norm's `gain`, which is a `weight` here.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}


class LayerNorm(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, d_model, num_heads, bias, length, causal):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=bias)
        self.out = nn.Linear(d_model, d_model, bias=bias)
        hidden = torch.ones(length, length).triu(1).bool() if causal else None
        self.register_buffer("hidden", hidden, persistent=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(C, dim=2)
        q = q.view(B, T, self.num_heads, C // self.num_heads).transpose(1, 2)
        k = k.view(B, T, self.num_heads, C // self.num_heads).transpose(1, 2)
        v = v.view(B, T, self.num_heads, C // self.num_heads).transpose(1, 2)
        weights = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        if self.hidden is not None:
            weights = weights.masked_fill(self.hidden[:T, :T], float("-inf"))
        y = F.softmax(weights, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff, activation, bias):
        super().__init__()
        self.up = nn.Linear(d_model, d_ff, bias=bias)
        self.down = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.down(self.activation(self.up(x)))


class Block(nn.Module):
    def __init__(self, keys, bias, length, causal):
        super().__init__()
        d_model = keys["d_model"]
        self.is_pre = keys["norm_position"] == "pre"
        self.attention = Attention(d_model, keys["num_heads"], bias, length, causal)
        self.attention_norm = LayerNorm(d_model, bias)
        self.feed_forward = FeedForward(d_model, keys["d_ff"], keys["activation"], bias)
        self.feed_forward_norm = LayerNorm(d_model, bias)

    def forward(self, x):
        if self.is_pre:
            x = x + self.attention(self.attention_norm(x))
            return x + self.feed_forward(self.feed_forward_norm(x))
        x = self.attention_norm(x + self.attention(x))
        return self.feed_forward_norm(x + self.feed_forward(x))


class Stack(nn.Module):
    def __init__(self, keys, bias, length, causal, final_norm):
        super().__init__()
        self.blocks = nn.ModuleList([Block(keys, bias, length, causal) for _ in range(keys["num_layers"])])
        self.final_norm = LayerNorm(keys["d_model"], bias) if final_norm else None

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x if self.final_norm is None else self.final_norm(x)


def sinusoidal_positions(length, width):
    angles = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.stack([angles.sin(), angles.cos()], dim=2).reshape(length, width).float()


class Head(nn.Module):
    def __init__(self, d_model, classes):
        super().__init__()
        self.hidden = nn.Linear(d_model, d_model)
        self.norm = LayerNorm(d_model, True)
        self.out = nn.Linear(d_model, classes)

    def forward(self, x):
        return self.out(F.relu(self.norm(self.hidden(x))))


class Encoder(nn.Module):
    """configs/reverse.yaml: one-hot symbols are projected, sinusoidal positions added; the head has a hidden layer."""

    def __init__(self, keys, symbols, length):
        super().__init__()
        self.symbols = symbols
        self.input = nn.ModuleDict({"projection": nn.Linear(symbols, keys["d_model"])})
        self.register_buffer("positions", sinusoidal_positions(length, keys["d_model"]), persistent=False)
        self.encoder = Stack(keys, True, length, causal=False, final_norm=keys["final_norm"])
        self.head = Head(keys["d_model"], symbols)

    def forward(self, ids):
        x = self.input["projection"](F.one_hot(ids, self.symbols).float())
        return self.head(self.encoder(x + self.positions))


class Decoder(nn.Module):
    """configs/bench/*.yaml: learned positions, pre-norm blocks with causal attention; the output shares the table."""

    def __init__(self, keys, symbols, length):
        super().__init__()
        keys = {**keys, "d_ff": keys["d_ff"] or 4 * keys["d_model"]}
        self.embedding = nn.Embedding(symbols, keys["d_model"])
        self.positions = nn.Embedding(length, keys["d_model"])
        self.decoder = Stack(keys, keys["bias"], length, causal=True, final_norm=True)

    def forward(self, ids):
        positions = torch.arange(ids.shape[1])
        x = self.decoder(self.embedding(ids) + self.positions(positions))
        return F.linear(x, self.embedding.weight)
