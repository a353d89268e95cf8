#include "experiments/training/export.h"

#include "base/errors.h"
#include "base/files.h"
#include "base/safetensors.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/copy_tree.h"
#include "pipelines/model.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

void write_net(const fs::path& checkpoint, const fs::path& directory) {
  TensorFile file{load_weights(checkpoint), {}};
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(at::kBFloat16);
  write_safetensors(directory / "model.safetensors", file);
  if (fs::exists(checkpoint / "tokenizers")) copy_tree(checkpoint / "tokenizers", directory / "tokenizers");
  write_file_atomically(directory / "recipe.toml", read_file(checkpoint / "recipe.toml"));
  write_file_atomically(directory / "state.json", to_json(read_checkpoint_state(checkpoint)).dump(1) + "\n");
}

}  // namespace

void export_run(const fs::path& run, const fs::path& directory, const std::string& notice) {
  const auto checkpoint = newest_checkpoint(run);
  if (!checkpoint) throw InputError(run.string(), "", "holds no whole checkpoint to export");
  if (directory.has_parent_path()) fs::create_directories(directory.parent_path());
  AtomicDirectory whole(directory);
  if (fs::exists(*checkpoint / "tokenizer")) {
    copy_tree(*checkpoint / "tokenizer", whole.working());
  } else {
    write_net(*checkpoint, whole.working());
    if (fs::exists(run / "log.jsonl"))
      write_file_atomically(whole.working() / "log.jsonl", read_file(run / "log.jsonl"));
  }
  if (!notice.empty()) write_file_atomically(whole.working() / "NOTICE", notice);
  whole.commit();
}

}  // namespace palimpsest
