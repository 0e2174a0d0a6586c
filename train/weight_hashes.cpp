#include "train/weight_hashes.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "tf-hash1";
constexpr size_t word = 8;

uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string_view bytes_of(const Tensor& x) {
  std::string_view bytes;
  with_dtype(x.dtype(), [&]<class T>() {
    bytes = {reinterpret_cast<const char*>(x.data<T>()), static_cast<size_t>(x.size()) * sizeof(T)};
  });
  return bytes;
}

void append(std::string& bytes, uint64_t number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

uint64_t number_at(std::string_view bytes, size_t place) {
  uint64_t number;
  std::memcpy(&number, bytes.data() + place, sizeof number);
  return number;
}

// Whether the last word is the hash of all before it.
bool is_whole(std::string_view bytes) {
  return hash_of(bytes.substr(0, bytes.size() - word)) == number_at(bytes, bytes.size() - word);
}

std::string header_of(const Parameters& parameters) {
  std::string names;
  for (const Parameter& parameter : parameters.list()) names += parameter.value.name() + "\n";
  std::string header(magic);
  append(header, parameters.list().size());
  append(header, names.size());
  header += names;
  append(header, hash_of(header));
  return header;
}

std::string record_of(const StepHashes& hashes) {
  std::string record;
  append(record, static_cast<uint64_t>(hashes.step));
  for (const uint64_t hash : hashes.tensors) append(record, hash);
  append(record, hash_of(record));
  return record;
}

// A file's bytes as its parts.
struct Layout {
  // An Error if the header is not whole.
  Layout(const fs::path& path, std::string_view bytes) : bytes_(bytes) {
    const auto check = [&](bool holds) {
      require(holds, "{}: it is damaged: it does not begin as a file of hashes; remove it to go on without",
              path.string());
    };
    check(bytes.size() >= 4 * word && bytes.starts_with(magic));
    const uint64_t tensors = number_at(bytes, word), length = number_at(bytes, 2 * word);
    check(length <= bytes.size() - 4 * word && is_whole(bytes.substr(0, 4 * word + length)));
    std::string_view text = bytes.substr(3 * word, length);
    for (size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
      names.emplace_back(text.substr(0, end));
    }
    check(text.empty() && names.size() == tensors);
    header = 4 * word + length;
    record = (names.size() + 2) * word;
    records = (bytes.size() - header) / record;
  }

  std::string_view record_at(size_t i) const { return bytes_.substr(header + i * record, record); }
  int64_t step_at(size_t i) const { return static_cast<int64_t>(number_at(record_at(i), 0)); }

  std::vector<std::string> names;
  size_t header = 0, record = 0;  // bytes
  size_t records = 0;

 private:
  std::string_view bytes_;
};

// Nothing: there is no file.
std::optional<std::string> bytes_of_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) {
    if (errno == ENOENT) return {};
    fail_on_file(path, "cannot be read", errno);
  }
  std::string bytes(std::istreambuf_iterator<char>(stream), {});
  require(!stream.bad(), "{}: cannot be read", path.string());
  return bytes;
}

[[noreturn]] void fail_damaged(const fs::path& path, const Layout& layout, size_t i) {
  fail("{}: it is damaged: the record at byte {} is not what was written; remove the file to go on without",
       path.string(), layout.header + i * layout.record);
}

}  // namespace

StepHashes hashes_of(const Parameters& parameters, int64_t step) {
  StepHashes result{step, std::vector<uint64_t>(parameters.list().size())};
  const auto count = static_cast<int64_t>(parameters.list().size());
  // Each hash is one thread's, so that it does not depend on their number. Of few weights it takes microseconds.
#pragma omp parallel for schedule(dynamic) if (parameters.count() >= 200000)
  for (int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<size_t>(i);
    result.tensors[place] = hash_of(bytes_of(parameters.list()[place].value));
  }
  return result;
}

WeightHashes WeightHashes::read(const fs::path& path) {
  const std::optional<std::string> bytes = bytes_of_file(path);
  require(bytes.has_value(), "{}: there is no such file: the run was recorded without hashes of its weights",
          path.string());
  const Layout layout(path, *bytes);
  WeightHashes result{layout.names, {}};
  for (size_t i = 0; i < layout.records; ++i) {
    const std::string_view record = layout.record_at(i);
    const bool ascends = i == 0 || layout.step_at(i) > layout.step_at(i - 1);
    if (!is_whole(record) || !ascends) fail_damaged(path, layout, i);
    StepHashes& step = result.steps.emplace_back(StepHashes{layout.step_at(i), {}});
    for (size_t t = 0; t < layout.names.size(); ++t) step.tensors.push_back(number_at(record, (t + 1) * word));
  }
  return result;
}

const StepHashes* WeightHashes::find(int64_t step) const {
  const auto found = std::ranges::lower_bound(steps, step, {}, &StepHashes::step);
  return found != steps.end() && found->step == step ? &*found : nullptr;
}

HashWriter::HashWriter(const fs::path& path, const Parameters& parameters)
    : file_(path, O_WRONLY | O_CREAT | O_APPEND) {
  const std::string bytes = bytes_of_file(path).value_or(""), header = header_of(parameters);
  if (bytes.empty()) {
    file_.write(header);
    return;
  }
  require(bytes.starts_with(header), "{}: it is of other weights than the model's; remove it to go on without",
          path.string());
  const Layout layout(path, bytes);
  if (layout.records > 0) last_step_ = layout.step_at(layout.records - 1);
}

void HashWriter::write(const StepHashes& hashes) {
  if (hashes.step <= last_step_) return;
  file_.write(record_of(hashes));
  last_step_ = hashes.step;
}

void cut_hashes(const fs::path& path, int64_t last_step) {
  const std::optional<std::string> bytes = bytes_of_file(path);
  if (!bytes) return;
  size_t kept = 0;
  if (last_step >= 0) {  // else all goes, the header too, whatever state it is in
    const Layout layout(path, *bytes);
    kept = layout.header;
    std::optional<size_t> damaged;
    for (size_t i = 0; i < layout.records; ++i) {
      const bool whole = is_whole(layout.record_at(i));
      if (whole && layout.step_at(i) > last_step) break;  // steps never go down
      if (!whole && !damaged) damaged = i;
      if (!whole) continue;
      if (damaged) fail_damaged(path, layout, *damaged);
      kept = layout.header + (i + 1) * layout.record;
    }
  }
  // Shortening a file is one change: it happens, or it does not.
  OutputFile file(path, O_WRONLY);
  if (::ftruncate(file.descriptor(), static_cast<off_t>(kept)) != 0) fail_on_file(path, "cannot be written", errno);
  file.sync();
}

std::optional<HashDifference> difference(const std::vector<std::string>& names, const StepHashes& a,
                                         const StepHashes& b) {
  HashDifference result{a.step, "", names.size(), 0};
  for (size_t i = 0; i < names.size(); ++i) {
    if (a.tensors[i] == b.tensors[i]) continue;
    if (result.differing++ == 0) result.tensor = names[i];
  }
  return result.differing == 0 ? std::nullopt : std::optional(result);
}

}  // namespace transformlet
