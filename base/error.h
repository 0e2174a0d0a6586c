// Errors and how they are raised.
#pragma once

#include <fmt/format.h>

#include <stdexcept>

namespace transformlet {

// Something that the caller, the data or the machine got wrong. The message names the op or key, the shapes or values
// involved, and what to do. The program prints it as one line and leaves with status 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The program was used wrongly: arguments, config, a missing file. It leaves with status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Throws Error with the formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> message, Args&&... args) {
  throw Error(fmt::format(message, std::forward<Args>(args)...));
}

// Throws Error with the formatted message unless the condition holds.
template <class... Args>
void require(bool condition, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(message, std::forward<Args>(args)...);
}

}  // namespace transformlet
