// The page around a report's data: study/report/, put into the program when it is built (cmake/embed_page.cmake).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace transformlet {

// The page without data, in two pieces: data stand between them.
extern const std::string_view page_before_data, page_after_data;

// Writes the page with its data (study/report/README.md), which are JSON in UTF-8. `<` is escaped here, so that no text
// of a run can end the element that the data stand in. The file is whole or not there.
void write_page(const std::filesystem::path& path, std::string_view json);

}  // namespace transformlet
