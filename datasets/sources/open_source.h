// A data set's split as one source: files, split, speech.
#pragma once

#include "datasets/sources/archive.h"
#include "datasets/sources/data_options.h"
#include "datasets/sources/source.h"
#include "datasets/sources/split_source.h"
#include "modalities/media/apart.h"

namespace palimpsest {

// Which of a split's samples are wanted, and what else is to be done to them.
struct Reading {
  std::int64_t done = 0;  // samples (with variants) that came before and are not even decoded
  Part part = {};
  std::function<void(ReadResult&)> look =
      {};  // at media as their files have them, before pictures are fitted or varied
  Decoding decoding = {};
  ArchiveOpener archives = open_archive;
};

// The samples of a split with the named roles (all when empty). InputError: unknown split or role (nearest suggested),
// a source that is not there, a missing speech program.
std::unique_ptr<Source> open_source(const DataOptions& data, const std::string& split,
                                    const std::vector<std::string>& roles = {}, const Reading& reading = {});

}  // namespace palimpsest
