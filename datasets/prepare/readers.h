// How a recipe wants what others made to be read: in this process, or in processes of their own.
#pragma once

#include "datasets/prepare/prepare.h"
#include "datasets/sources/open_source.h"

namespace palimpsest {

class Readers {
 public:
  Readers(const PrepareOptions& options, const PrepareRun& run);

  // Of the run's part, without the first `done` samples. It must not outlive this.
  Reading reading(std::int64_t done, std::function<void(ReadResult&)> look) const;

 private:
  Part part_;
  std::unique_ptr<ApartDecoders> decoders_;  // null: in this process
  ArchiveOpener archives_ = open_archive;
};

}  // namespace palimpsest
