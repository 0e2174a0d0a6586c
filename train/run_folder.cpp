#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#include <cerrno>
#include <charconv>

#include "train/durable_file.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> message, Args&&... args) {
  throw UsageError(fmt::format(message, std::forward<Args>(args)...));
}

// Held until it is closed, be it by a crash. The file holds the process's id, for the message of the next one.
FileDescriptor lock_run(const fs::path& run) {
  const fs::path path = run / ".lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock.open()) fail_on_file(path, "cannot be opened", errno);
  while (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) fail_on_file(path, "cannot be locked", errno);
    char holder[24] = {};
    const ssize_t length = ::pread(lock.number(), holder, sizeof holder - 1, 0);
    const std::string process = length > 0 ? fmt::format("process {}", holder) : "another process";
    fail("{}: {} is training this run", run.string(), process);
  }
  const std::string process = fmt::format("{}", ::getpid());
  // Only for the message: the lock holds without it.
  [[maybe_unused]] bool written =
      ::ftruncate(lock.number(), 0) == 0 && ::pwrite(lock.number(), process.data(), process.size(), 0) > 0;
  return lock;
}

// The highest number among the names in a folder; 0 if there is none.
int64_t highest_number(const fs::path& folder) {
  int64_t highest = 0;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    int64_t number = 0;
    const auto [last, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && last == name.data() + name.size()) highest = std::max(highest, number);
  }
  if (code) fail_on_file(folder, "cannot be read", code.value());
  return highest;
}

std::string utc_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", text, now.tv_nsec / 1'000'000);
}

}  // namespace

RunFolder::RunFolder(const fs::path& path) : path_(path), lock_(lock_run(path)), events_(path / "events.jsonl") {}

RunFolder RunFolder::create(const fs::path& runs, const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find_first_of(std::string("/\0", 2)) != std::string::npos) {
    fail_usage("'{}' can't be the name of a run's folder", name);
  }
  const fs::path folder = runs / name;
  make_folders(folder);
  int64_t number = highest_number(folder) + 1;
  while (!make_new_folder(folder / fmt::format("{}", number))) ++number;  // another process was faster
  RunFolder run(folder / fmt::format("{}", number));
  replace_link(folder / "latest", fmt::format("{}", number));
  return run;
}

RunFolder RunFolder::create_at(const fs::path& folder) {
  const fs::path path = folder.has_filename() ? folder : folder.parent_path();  // without a slash at its end
  make_folders(path.parent_path());
  if (!make_new_folder(path)) {
    fail_usage("{}: it exists already, and no run is ever overwritten; name another folder, or resume the run in it",
               path.string());
  }
  return RunFolder(path);
}

RunFolder RunFolder::open(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) fail_usage("{}: there is no such folder", folder.string());
  if (!fs::is_regular_file(folder / "config.yaml", ignored)) {
    fail_usage("{}: it is not the folder of a run: it has no config.yaml", folder.string());
  }
  return RunFolder(folder);
}

void RunFolder::write_config(std::string_view yaml) const { replace_file(config_path(), yaml); }

void RunFolder::write_environment(const JsonFields& environment) const {
  replace_file(path_ / "environment.json", json_lines(environment));
}

void RunFolder::log_event(std::string_view event, const JsonFields& details) {
  JsonFields fields = {{"time", utc_now()}, {"event", std::string(event)}};
  fields.insert(fields.end(), details.begin(), details.end());
  events_.append(json_line(fields));
  events_.sync();
}

}  // namespace transformlet
