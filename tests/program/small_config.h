// A config that trains in a moment and leaves nothing out: dropout of every kind, clipping, warm-up, several epochs,
// evaluations in between that fall on other steps than checkpoints and lines of metrics.
#pragma once

namespace transformlet {

inline constexpr const char* small_config = R"(
seed: 7
task: {name: reverse, num_symbols: 5, seq_len: 6, train_size: 200, val_size: 40, test_size: 50}
model: {num_layers: 2, num_heads: 2, d_model: 16, d_ff: 32, dropout: 0.1, input_dropout: 0.1, input: embedding,
        position: learned}
optimizer: {name: adamw, learning_rate: 1.0e-3, weight_decay: 0.1, clip_norm: 1.0}
schedule: {name: cosine, warmup_steps: 5}
train: {max_steps: 60, batch_size: 32, log_every: 3}
evaluate: {every: 7}
checkpoint: {every: 10, keep_last: null}
)";

}  // namespace transformlet
