#include "train/report/page.h"

#include "train/durable_file.h"

namespace transformlet {

void write_page(const std::filesystem::path& path, std::string_view json) {
  replace_file(path, [&](OutputFile& file) {
    file.write(page_before_data);
    file.write(R"(<script type="application/json" id="data">)");
    for (size_t begin = 0; begin < json.size();) {
      const size_t end = std::min(json.find('<', begin), json.size());
      file.write(json.substr(begin, end - begin));
      if (end < json.size()) file.write("\\u003c");
      begin = end + 1;
    }
    file.write("</script>");
    file.write(page_after_data);
  });
}

}  // namespace transformlet
