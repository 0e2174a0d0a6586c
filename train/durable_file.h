// Files that are whole, or not there at all, whatever happens: a crash, a full disk, a loss of power. Every failure is
// an Error of one line, which names the path and the system's reason.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "train/file_descriptor.h"

namespace transformlet {

// A file that is being written; every byte that `write` returns from has been taken by the system.
class OutputFile {
 public:
  // `flags` are open(2)'s. Errors name `named`, if given: the file that a temporary one is to become.
  OutputFile(const std::filesystem::path& path, int flags, const std::filesystem::path& named = {});

  void write(std::string_view bytes);
  void sync();   // returns once the bytes are on the disk
  void close();  // some filesystems report only here that they had no room

  int descriptor() const { return descriptor_.number(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor descriptor_;
};

// Writes a file under a temporary name in the same folder, syncs it, and gives it its name; a file that had this name
// before is replaced. If anything fails, the old file is untouched and the temporary one is removed.
void replace_file(const std::filesystem::path& path, const std::function<void(OutputFile&)>& write);
void replace_file(const std::filesystem::path& path, std::string_view text);

// The same for a symbolic link to `target`, which is taken as it stands: relative to the link's folder.
void replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

// Makes the names in a folder durable: files made, renamed or removed in it.
void sync_folder(const std::filesystem::path& folder);

// Makes a folder and those above it that are missing. No error if it is there already.
void make_folders(const std::filesystem::path& folder);

// Makes a folder that must not be there yet: false if it is. Safe between processes.
bool make_new_folder(const std::filesystem::path& folder);

// Gives a file or folder another name in the same filesystem, replacing a file, and syncs the folder it is in.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// Removes a folder and all in it, or nothing if there is no such folder.
void remove_folder(const std::filesystem::path& folder);

}  // namespace transformlet
