// Whether an attention head copies the tokens that it looks at (Elhage et al. 2021, "A Mathematical Framework for
// Transformer Circuits", section on copying): what it writes for a source token makes which tokens likelier is a matrix
// (classes, ids) = unembedding W_O W_V embedding^T, and the head copies if its eigenvalues are positive. For each head:
//
//   score   sum of eigenvalues / sum of their absolute values: 1 copies each token, -1 makes each less likely
//
// W_V (d, d_model) and W_O (d_model, d) are the head's parts of attention.qkv and attention.out; the matrix's
// eigenvalues that are not 0 are those of the small one (d, d) = W_V embedding^T unembedding W_O. The model is taken as
// it is, with its norms at a fixed scale: LayerNorm's centring and the gains of the head's own norm and of the final
// one count, division by a token's deviation, biases, positions and all other layers do not. Left out: a head that
// writes nothing.
//
// For decoders. Cost: no pass; a product (d_model, ids) x (ids, d_model) a layer, and the eigenvalues of small
// matrices.
#include "autograd/ops.h"
#include "study/linear_algebra.h"
#include "study/logit_parts.h"
#include "study/probe.h"

namespace transformlet {
namespace {

Tensor float64(const Tensor& x) { return cast(constant(x), DType::float64); }

Tensor centred(const Tensor& rows, const Norm& norm) {
  return norm.kind == NormKind::layer ? rows - mean(rows, {1}, true) : rows;
}

struct Copying : Probe {
  static constexpr const char* name = "copying";
  static constexpr const char* help = "of each head: does it copy the tokens that it looks at? of decoders";

  std::string misfit(const Model& model, const ModelSizes& /*sizes*/) const override {
    const auto* const decoder = dynamic_cast<const Decoder*>(&model);
    if (decoder == nullptr) return "compares the embedding with the head: it needs model.kind: decoder";
    return unembedding(*decoder).dim(0) == decoder->embedding.weight.dim(0)
               ? ""
               : "compares what is read with what is predicted: the task has other classes than ids";
  }

  Measurements measure(const ProbeView& view) const override {
    const NoRecording off;
    const auto& decoder = dynamic_cast<const Decoder&>(view.model.inside());
    const std::optional<Norm>& final_norm = decoder.blocks.final_norm;
    Tensor write = float64(unembedding(decoder));  // (classes, d_model)
    if (final_norm) write = centred(write * float64(final_norm->gain), *final_norm);
    TensorList circuits;
    std::vector<std::string> paths;
    for (const EncoderBlock& block : decoder.blocks.blocks) {
      Tensor read = float64(decoder.embedding.weight);  // (ids, d_model)
      if (const std::optional<Norm>& norm = block.attention_pre_norm) {
        read = centred(read, *norm) * float64(norm->gain);
      }
      const Tensor token_to_token = matmul(read, write, true);  // (d_model, d_model)
      for (int64_t head = 0; head < block.attention.options.num_heads; ++head) {
        circuits.push_back(circuit(block.attention, head, token_to_token));
        paths.push_back(block.attention.path + "." + std::to_string(head));
      }
    }
    Measurements result;
    const std::vector<std::vector<std::complex<double>>> spectra = eigenvalues(circuits);
    for (size_t i = 0; i < spectra.size(); ++i) {
      double sum = 0, size = 0;
      for (const std::complex<double>& value : spectra[i]) {
        sum += value.real();
        size += std::abs(value);
      }
      if (size > 0) result.emplace_back(paths[i] + "/score", sum / size);
    }
    return result;
  }

 private:
  // (d, d)
  static Tensor circuit(const MultiheadAttention& attention, int64_t head, const Tensor& token_to_token) {
    const MultiheadAttentionOptions& options = attention.options;
    const int64_t size = options.d_model / options.num_heads;
    const int64_t value_head = head / (options.num_heads / options.num_kv_heads);
    const int64_t first = options.d_model + (options.num_kv_heads + value_head) * size;
    const Tensor value = slice(float64(attention.qkv.weight), 0, first, first + size);
    const Tensor out = slice(float64(attention.out.weight), 1, head * size, (head + 1) * size);
    return matmul(matmul(value, token_to_token), out);
  }
};

const Registered<Probe, Copying> registered;

}  // namespace
}  // namespace transformlet
