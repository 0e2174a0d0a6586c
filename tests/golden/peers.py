"""Models for record.py in plain PyTorch: with the names and layouts of Hugging Face's GPT-2 and Llama, and around
nn.Transformer; and a writer of the files that such weights are passed on in."""

import json

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = {
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
}


def attend(q, k, v):
    """Causal attention of (B, H, T, D)."""
    length = q.shape[-2]
    hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    return scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v


def heads_of(x, size):
    """(B, T, H * size) -> (B, H, T, size)"""
    return x.unflatten(-1, (-1, size)).transpose(1, 2)


def merged(x):
    return x.transpose(1, 2).flatten(2)


# ---------------------------------------------------------------------------------------------------------------------
# GPT-2 (Radford et al. 2019)


class Conv1D(nn.Module):
    """GPT-2's linear layer: its weight is (in, out), the transpose of nn.Linear's."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class GPT2Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, epsilon = config["n_embd"], config["layer_norm_epsilon"]
        self.size = width // config["n_head"]
        self.ln_1 = nn.LayerNorm(width, epsilon)
        self.attn = nn.ModuleDict({"c_attn": Conv1D(width, 3 * width), "c_proj": Conv1D(width, width)})
        self.ln_2 = nn.LayerNorm(width, epsilon)
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(width, config["n_inner"]), "c_proj": Conv1D(config["n_inner"], width)})
        self.activation = ACTIVATIONS[config["activation_function"]]

    def forward(self, x):
        q, k, v = (heads_of(part, self.size) for part in self.attn["c_attn"](self.ln_1(x)).chunk(3, dim=-1))
        x = x + self.attn["c_proj"](merged(attend(q, k, v)))
        return x + self.mlp["c_proj"](self.activation(self.mlp["c_fc"](self.ln_2(x))))


class GPT2(nn.Module):
    """With a tied head."""

    def __init__(self, config):
        super().__init__()
        width = config["n_embd"]
        self.transformer = nn.ModuleDict({
            "wte": nn.Embedding(config["vocab_size"], width),
            "wpe": nn.Embedding(config["n_positions"], width),
            "h": nn.ModuleList([GPT2Block(config) for _ in range(config["n_layer"])]),
            "ln_f": nn.LayerNorm(width, config["layer_norm_epsilon"]),
        })

    def forward(self, ids):
        parts = self.transformer
        x = parts["wte"](ids) + parts["wpe"](torch.arange(ids.shape[1]))
        for block in parts["h"]:
            x = block(x)
        return F.linear(parts["ln_f"](x), parts["wte"].weight)


# ---------------------------------------------------------------------------------------------------------------------
# Llama (Touvron et al. 2023)


class RMSNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon)


def turned(x, base):
    """Rotary positions (Su et al. 2021) of (B, H, T, D): column j makes a pair with column j + D / 2."""
    length, size = x.shape[-2:]
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    cosines, sines = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosines - second * sines, second * cosines + first * sines], dim=-1)


class LlamaAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, bias = config["hidden_size"], config["attention_bias"]
        self.size = width // config["num_attention_heads"]
        self.shared_by = config["num_attention_heads"] // config["num_key_value_heads"]
        self.base = config["rope_theta"]
        narrow = self.size * config["num_key_value_heads"]
        self.q_proj = nn.Linear(width, width, bias=bias)
        self.k_proj = nn.Linear(width, narrow, bias=bias)
        self.v_proj = nn.Linear(width, narrow, bias=bias)
        self.o_proj = nn.Linear(width, width, bias=bias)

    def forward(self, x):
        q = turned(heads_of(self.q_proj(x), self.size), self.base)
        k = turned(heads_of(self.k_proj(x), self.size), self.base)
        v = heads_of(self.v_proj(x), self.size)
        k, v = (part.repeat_interleave(self.shared_by, dim=1) for part in (k, v))
        return self.o_proj(merged(attend(q, k, v)))


class LlamaFeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden, bias = config["hidden_size"], config["intermediate_size"], config["mlp_bias"]
        self.gate_proj = nn.Linear(width, hidden, bias=bias)
        self.up_proj = nn.Linear(width, hidden, bias=bias)
        self.down_proj = nn.Linear(hidden, width, bias=bias)
        self.activation = ACTIVATIONS[config["hidden_act"]]

    def forward(self, x):
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class LlamaBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, epsilon = config["hidden_size"], config["rms_norm_eps"]
        self.input_layernorm = RMSNorm(width, epsilon)
        self.self_attn = LlamaAttention(config)
        self.post_attention_layernorm = RMSNorm(width, epsilon)
        self.mlp = LlamaFeedForward(config)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, vocab_size = config["hidden_size"], config["vocab_size"]
        self.model = nn.ModuleDict({
            "embed_tokens": nn.Embedding(vocab_size, width),
            "layers": nn.ModuleList([LlamaBlock(config) for _ in range(config["num_hidden_layers"])]),
            "norm": RMSNorm(width, config["rms_norm_eps"]),
        })
        self.lm_head = None if config["tie_word_embeddings"] else nn.Linear(width, vocab_size, bias=False)

    def forward(self, ids):
        x = self.model["embed_tokens"](ids)
        for block in self.model["layers"]:
            x = block(x)
        x = self.model["norm"](x)
        return F.linear(x, self.model["embed_tokens"].weight) if self.lm_head is None else self.lm_head(x)


# ---------------------------------------------------------------------------------------------------------------------
# nn.Transformer (Vaswani et al. 2017)


def sinusoidal_positions(length, width):
    """Section 3.5: PE(t, 2i) = sin(t / 10000^(2i / width)), PE(t, 2i + 1) = cos(the same)."""
    angles = torch.arange(length).double()[:, None] / 10000.0 ** (torch.arange(0, width, 2).double() / width)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Translator(nn.Module):
    """nn.Transformer between what the paper has around it (section 3.4): embeddings times sqrt(d_model), sinusoidal
    positions, a head without a bias, or that of the target's embedding.

    In training mode with dropout 0: in evaluation mode PyTorch takes a fused path without a gradient."""

    def __init__(self, source_vocab_size, vocab_size, tied, **config):
        super().__init__()
        self.transformer = nn.Transformer(**config, dropout=0.0, batch_first=True).train()
        width = self.transformer.d_model
        self.source_embedding = nn.Embedding(source_vocab_size, width)
        self.target_embedding = nn.Embedding(vocab_size, width)
        self.head = None if tied else nn.Linear(width, vocab_size, bias=False)

    def embed(self, embedding, ids):
        x = embedding(ids) * self.transformer.d_model**0.5
        return x + sinusoidal_positions(*x.shape[1:]).to(x.dtype)

    def forward(self, source, ids, source_hidden, target_hidden):
        """The masks of padding (B, T), or None: true = may NOT be attended to, as PyTorch has it."""
        later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)
        x = self.transformer(self.embed(self.source_embedding, source), self.embed(self.target_embedding, ids),
                             tgt_mask=later, src_key_padding_mask=source_hidden,
                             memory_key_padding_mask=source_hidden, tgt_key_padding_mask=target_hidden)  # fmt: skip
        return F.linear(x, self.target_embedding.weight) if self.head is None else self.head(x)


# ---------------------------------------------------------------------------------------------------------------------
# Files

# Of the format's names: those that the recorded files need.
DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.uint8: "U8"}


def safetensors_bytes(tensors, metadata):
    """A safetensors file (https://huggingface.co/docs/safetensors): tensors by falling size of their elements, then by
    name, as the format's own library writes them."""
    header, data = {"__metadata__": metadata}, b""
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        piece = value.contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPES[value.dtype], "shape": list(value.shape),
                        "data_offsets": [len(data), len(data) + len(piece)]}  # fmt: skip
        data += piece
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data
