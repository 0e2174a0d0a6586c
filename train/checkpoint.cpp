#include "train/checkpoint.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "train/checkpoint_state.h"
#include "train/checksum.h"
#include "train/durable_file.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

constexpr const char* weights_file = "weights.safetensors";
constexpr const char* optimizer_file = "optimizer.safetensors";
constexpr const char* averaged_file = "averaged_weights.safetensors";
constexpr const char* state_file = "state.json";
constexpr std::string_view temporary_prefix = ".temporary-";  // train/durable_file.cpp's files begin like this, too

fs::path checkpoints_of(const fs::path& run) { return run / "checkpoints"; }
fs::path folder_of(const fs::path& run, int64_t step) { return checkpoints_of(run) / fmt::format("step-{}", step); }

// The step of a folder's name, if it is a checkpoint's: "step-10", not "step-010" nor "step-10.old".
std::optional<int64_t> step_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  constexpr std::string_view prefix = "step-";
  if (!name.starts_with(prefix)) return {};
  int64_t step = -1;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), step);
  return step >= 0 && name == fmt::format("{}{}", prefix, step) ? std::optional(step) : std::nullopt;
}

// A folder's entries, none if it does not exist.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    entries.push_back(entry->path());
  }
  if (code && code != std::errc::no_such_file_or_directory) fail_on_file(folder, "cannot be read", code.value());
  return entries;
}

void remove_leftovers(const fs::path& checkpoints) {
  for (const fs::path& entry : entries_of(checkpoints)) {
    if (entry.filename().string().starts_with(temporary_prefix)) remove_folder(entry);
  }
}

void write_files(const fs::path& folder, const Checkpoint& checkpoint) {
  const std::map<std::string, std::string> metadata = {{"step", fmt::format("{}", checkpoint.step)}};
  write_safetensors(folder / weights_file, {checkpoint.weights, metadata});
  write_safetensors(folder / optimizer_file, {checkpoint.optimizer, metadata});
  CheckpointState state{checkpoint.step, checkpoint.val_loss, checkpoint.extra, {}};
  for (const char* name : {weights_file, optimizer_file}) state.files[name] = digest_of_file(folder / name);
  if (!checkpoint.averaged_weights.empty()) {
    write_safetensors(folder / averaged_file, {checkpoint.averaged_weights, metadata});
    state.files[averaged_file] = digest_of_file(folder / averaged_file);
  }
  replace_file(folder / state_file, checkpoint_state_text(state));
}

// Gives the new folder the place of an old one, in one instant where the filesystem can exchange two names.
void put_in_place(const fs::path& made, const fs::path& folder) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(folder, ignored))) return rename_durably(made, folder);
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(folder.parent_path());
    fs::remove_all(made, ignored);  // now the old one; if it stays, the next save removes it
    return;
  }
  if (errno != EINVAL && errno != ENOSYS) fail_on_file(folder, "cannot be replaced", errno);
  const fs::path old = made.string() + "-old";
  rename_durably(folder, old);
  rename_durably(made, folder);
  fs::remove_all(old, ignored);
}

// What state.json says, if it and the lengths of the files are right: a check that reads no tensors.
CheckpointState state_of_folder(const fs::path& folder) {
  CheckpointState state = read_checkpoint_state(folder / state_file);
  const auto named = step_of(folder);  // not if it is reached by a link
  require(!named || named == state.step, "{}: it holds step {}", folder.string(), state.step);
  for (const char* name : {weights_file, optimizer_file}) {
    require(state.files.contains(name), "{}: state.json does not name {}", folder.string(), name);
  }
  for (const char* name : {weights_file, optimizer_file, averaged_file}) {
    if (!state.files.contains(name)) continue;  // nothing was averaged
    std::error_code code;
    const auto size = static_cast<int64_t>(fs::file_size(folder / name, code));
    if (code) fail_on_file(folder / name, "cannot be read", code.value());
    require(size == state.files[name].bytes, "{}: it has {} bytes, not {}", (folder / name).string(), size,
            state.files[name].bytes);
  }
  return state;
}

std::vector<CheckpointState> whole_states(const fs::path& run) {
  std::vector<CheckpointState> states;
  for (const StoredCheckpoint& stored : list_checkpoints(run)) {
    try {
      states.push_back(state_of_folder(stored.folder));
    } catch (const Error&) {  // broken: newest_checkpoint says so where it matters
    }
  }
  return states;
}

std::optional<int64_t> best_step(const std::vector<CheckpointState>& states) {
  const CheckpointState* best = nullptr;
  for (const CheckpointState& state : states) {
    if (state.val_loss && (best == nullptr || *state.val_loss < *best->val_loss)) best = &state;
  }
  return best != nullptr ? std::optional(best->step) : std::nullopt;
}

}  // namespace

fs::path save_checkpoint(const fs::path& run, const Checkpoint& checkpoint) {
  require(checkpoint.step >= 0, "a checkpoint's step must not be negative, but it is {}", checkpoint.step);
  const fs::path checkpoints = checkpoints_of(run), folder = folder_of(run, checkpoint.step);
  make_folders(checkpoints);
  remove_leftovers(checkpoints);
  const fs::path made = checkpoints / fmt::format("{}step-{}", temporary_prefix, checkpoint.step);
  try {
    make_new_folder(made);
    write_files(made, checkpoint);
    put_in_place(made, folder);
  } catch (const Error& error) {
    std::error_code ignored;  // the error that counts is the first
    fs::remove_all(made, ignored);
    fail("{}: the checkpoint was not saved: {}", folder.string(), error.what());
  }
  return folder;
}

Checkpoint load_checkpoint(const fs::path& folder) {
  CheckpointState state = state_of_folder(folder);
  for (const auto& [name, digest] : state.files) {
    require(digest_of_file(folder / name) == digest, "{}: it is damaged: its checksum is wrong",
            (folder / name).string());
  }
  Checkpoint checkpoint;
  checkpoint.step = state.step;
  checkpoint.weights = read_safetensors(folder / weights_file).tensors;
  checkpoint.optimizer = read_safetensors(folder / optimizer_file).tensors;
  if (state.files.contains(averaged_file)) {
    checkpoint.averaged_weights = read_safetensors(folder / averaged_file).tensors;
  }
  checkpoint.val_loss = state.val_loss;
  checkpoint.extra = std::move(state.extra);
  return checkpoint;
}

std::vector<StoredCheckpoint> list_checkpoints(const fs::path& run) {
  std::vector<StoredCheckpoint> result;
  for (const fs::path& entry : entries_of(checkpoints_of(run))) {
    if (const auto step = step_of(entry)) result.push_back({*step, entry});
  }
  std::ranges::sort(result, {}, &StoredCheckpoint::step);
  return result;
}

NewestCheckpoint newest_checkpoint(const fs::path& run) {
  NewestCheckpoint result;
  std::vector<StoredCheckpoint> stored = list_checkpoints(run);
  for (; !stored.empty(); stored.pop_back()) {
    try {
      result.checkpoint = load_checkpoint(stored.back().folder);
      result.folder = stored.back().folder;
      return result;
    } catch (const Error& error) {
      result.warnings.push_back(fmt::format("a broken checkpoint is passed over: {}", error.what()));
    }
  }
  return result;
}

std::optional<StoredCheckpoint> best_checkpoint(const fs::path& run) {
  const auto step = best_step(whole_states(run));
  if (!step) return {};
  return StoredCheckpoint{*step, folder_of(run, *step)};
}

void prune_checkpoints(const fs::path& run, const CheckpointConfig& config) {
  remove_leftovers(checkpoints_of(run));
  std::vector<CheckpointState> states = whole_states(run);
  std::vector<int64_t> steps;
  for (const CheckpointState& state : states) steps.push_back(state.step);
  const std::vector<int64_t> doomed = config.to_delete(steps, best_step(states));

  // The link first: it must never point to nothing.
  std::erase_if(states, [&](const CheckpointState& s) { return std::ranges::find(doomed, s.step) != doomed.end(); });
  const fs::path link = checkpoints_of(run) / "best";
  if (const auto best = best_step(states))
    replace_link(link, folder_of(run, *best).filename());
  else
    remove_folder(link);

  for (const int64_t step : doomed) {
    // Renamed first: half a checkpoint must not look like one.
    const fs::path folder = folder_of(run, step);
    const fs::path hidden = folder.parent_path() / fmt::format("{}{}", temporary_prefix, folder.filename().string());
    rename_durably(folder, hidden);
    remove_folder(hidden);
  }
}

}  // namespace transformlet
