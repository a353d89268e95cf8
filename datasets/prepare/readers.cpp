#include "datasets/prepare/readers.h"

namespace palimpsest {

Readers::Readers(const PrepareOptions& options, const PrepareRun& run) : part_(run.part) {
  if (!options.prepare.apart) return;
  namespace fs = std::filesystem;
  // What /proc/self/exe is to this process, not to the one that is started.
  const fs::path program = fs::is_symlink(run.program) ? fs::read_symlink(run.program) : fs::path(run.program);
  const ApartOptions apart{.program = program.string()};
  decoders_ = std::make_unique<ApartDecoders>(apart);
  archives_ = apart_archives(apart);
}

Reading Readers::reading(std::int64_t done, std::function<void(ReadResult&)> look) const {
  return {done, part_, std::move(look), decoders_ ? decoders_->decoding() : Decoding{}, archives_};
}

}  // namespace palimpsest
