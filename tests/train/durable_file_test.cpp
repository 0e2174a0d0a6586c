// Files that are whole or not there: on a full disk, beyond a size limit, in a folder that is not there.
#include "train/durable_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/train/storage_tools.h"
#include "train/checksum.h"
#include "train/line_file.h"
#include "train/signals.h"

namespace transformlet {
namespace {

namespace fs = std::filesystem;

TEST(DurableFile, ReplacesTheWholeFile) {
  const TemporaryFolder folder;
  replace_file(folder.path / "a", "first, and longer");
  replace_file(folder.path / "a", "second");
  EXPECT_EQ(bytes_of_file(folder.path / "a"), "second");
  EXPECT_EQ(number_of_entries(folder.path), 1U);
}

TEST(DurableFile, KeepsTheOldFileIfWritingFails) {
  const TemporaryFolder folder;
  replace_file(folder.path / "a", "old");
  EXPECT_EQ(error_of([&] {
              replace_file(folder.path / "a", [](OutputFile& file) {
                file.write("new");
                fail("no more");
              });
            }),
            "no more");
  EXPECT_EQ(bytes_of_file(folder.path / "a"), "old");
  EXPECT_EQ(number_of_entries(folder.path), 1U);
}

TEST(DurableFile, NamesThePathAndTheReason) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "none" / "a";
  EXPECT_EQ(error_of([&] { replace_file(path, "x"); }),
            path.string() + ": cannot be written: No such file or directory");
  replace_file(folder.path / "file", "x");
  EXPECT_EQ(error_of([&] { make_folders(folder.path / "file"); }),
            (folder.path / "file").string() + ": is no folder: File exists");
  fs::create_directory(folder.path / "folder");
  EXPECT_EQ(error_of([&] { replace_file(folder.path / "folder", "x"); }),
            (folder.path / "folder").string() + ": cannot be written: Is a directory");
  EXPECT_EQ(number_of_entries(folder.path), 2U);
}

TEST(DurableFile, LinksAreReplaced) {
  const TemporaryFolder folder;
  replace_link(folder.path / "latest", "1");
  replace_link(folder.path / "latest", "2");
  EXPECT_EQ(fs::read_symlink(folder.path / "latest"), "2");
  EXPECT_EQ(number_of_entries(folder.path), 1U);
}

// Runs the function where nothing larger than `bytes` can be written; what a full disk does, for one file.
int with_size_limit(rlim_t bytes, const std::function<int()>& function) {
  return in_child([&] {
    handle_signals();  // otherwise the limit would end the process
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    return function();
  });
}

TEST(DurableFile, TooLargeAFileIsAnErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a";
  replace_file(path, "old");
  EXPECT_EQ(with_size_limit(10'000,
                            [&] {
                              const std::string error = error_of([&] { replace_file(path, std::string(20'000, 'x')); });
                              return error == path.string() + ": cannot be written: File too large" ? 0 : 1;
                            }),
            0);
  EXPECT_EQ(bytes_of_file(path), "old");
  EXPECT_EQ(number_of_entries(folder.path), 1U);
}

TEST(LineFile, AFailedLineLeavesNoHalfOfIt) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "lines";
  EXPECT_EQ(with_size_limit(10,
                            [&] {
                              LineFile file(path);
                              file.append("12345");
                              const std::string error = error_of([&] { file.append("12345"); });
                              file.append("1");  // there is room for this one
                              return error == path.string() + ": cannot be written: File too large" ? 0 : 1;
                            }),
            0);
  EXPECT_EQ(bytes_of_file(path), "12345\n1\n");
}

TEST(LineFile, CutsOffATornLine) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "lines";
  for (const std::string& whole : {std::string(), std::string("a\nb\n"), std::string(5000, 'x') + "\n"}) {
    for (const std::string& torn : {std::string(), std::string("half"), std::string(9000, 'y')}) {
      write_bytes(path, whole + torn);
      LineFile(path).append("next");
      EXPECT_EQ(bytes_of_file(path), whole + "next\n");
    }
  }
}

TEST(LineFile, LinesAreThereAtOnce) {
  const TemporaryFolder folder;
  LineFile file(folder.path / "lines");
  file.append("one");
  EXPECT_EQ(bytes_of_file(folder.path / "lines"), "one\n");
}

// A real full disk, where this process may mount one.
TEST(DurableFile, FullDisk) {
  const TemporaryFolder folder;
  constexpr int not_allowed = 77;
  const int status = in_child([&] {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=64k") != 0) {
      return not_allowed;
    }
    const fs::path path = folder.path / "a", lines = folder.path / "lines";
    replace_file(path, "old");
    LineFile metrics(lines);
    metrics.append("first");
    const std::string error = error_of([&] { replace_file(path, std::string(100'000, 'x')); });
    if (error != path.string() + ": cannot be written: No space left on device") return 1;
    if (bytes_of_file(path) != "old" || number_of_entries(folder.path) != 2) return 2;
    const std::string line_error = error_of([&] {
      for (int i = 0; i < 1000; ++i) metrics.append(std::string(999, 'x'));
    });
    if (line_error != lines.string() + ": cannot be written: No space left on device") return 3;
    return bytes_of_file(lines).ends_with("x\n") ? 0 : 4;
  });
  if (status == not_allowed) GTEST_SKIP() << "this process may not mount a filesystem";
  EXPECT_EQ(status, 0);
}

TEST(Checksum, IsTheOneThatEveryoneUses) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value in the catalogues of CRCs
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xcbf43926U);
}

}  // namespace
}  // namespace transformlet
