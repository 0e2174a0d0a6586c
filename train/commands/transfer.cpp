#include <fmt/format.h>

#include <iostream>

#include "train/commands/checkpoint_choice.h"
#include "train/commands/commands.h"
#include "train/weights/transfer.h"

namespace transformlet {
namespace {

void print(const char* done, const Transfer& transfer, const std::string& folder) {
  for (const std::string& note : transfer.notes) std::cerr << fmt::format("note: {}\n", note);
  std::cout << fmt::format("{} {} numbers in {} tensors: {}\n", done, transfer.numbers, transfer.tensors, folder);
}

}  // namespace

int import_command(const ImportArguments& arguments) {
  const Layout& layout = layout_named(arguments.layout, "import");
  print("imported", import_model(arguments.source, layout, arguments.output, arguments.overrides), arguments.output);
  return 0;
}

int export_command(const ExportArguments& arguments) {
  const Layout& layout = layout_named(arguments.layout, "export");
  require_run("export", arguments.run);
  const Checkpoint checkpoint = chosen_checkpoint("export", arguments.run, arguments.checkpoint);
  print("exported", export_model(arguments.run, checkpoint, layout, arguments.output), arguments.output);
  return 0;
}

}  // namespace transformlet
