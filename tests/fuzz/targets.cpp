#include "tests/fuzz/targets.h"

#include <fstream>

#include "base/errors.h"
#include "base/files.h"
#include "base/recipe.h"
#include "base/safetensors.h"
#include "datasets/prepare/ledger.h"
#include "datasets/puzzles/puzzle.h"
#include "datasets/scenes/caption.h"
#include "datasets/shards/shard_reader.h"
#include "datasets/sources/hdf5_rows.h"
#include "datasets/sources/hdf5_source.h"
#include "datasets/sources/idx_source.h"
#include "datasets/sources/lines_source.h"
#include "datasets/sources/table.h"
#include "datasets/sources/tar_source.h"
#include "datasets/sources/wordnet_source.h"
#include "modalities/media/audio.h"
#include "modalities/media/clips.h"
#include "modalities/media/image.h"
#include "modalities/media/streams.h"
#include "modalities/media/text.h"
#include "tests/support/child.h"
#include "tests/support/scratch.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

namespace {

const ImageLimits& small_pictures() {
  static const ImageLimits limits = [] {
    ImageLimits small;
    small.max_pixels = 1 << 20;
    return small;
  }();
  return limits;
}

// Bytes as a file in memory's own file system; gone with the process.
std::filesystem::path as_file(const std::string& name, std::string_view bytes) {
  static const ScratchFolder folder;
  return folder.write(name, std::string(bytes));
}

RoleOptions role_of(const std::string& kind, std::vector<std::string> members) {
  RoleOptions role;
  role.kind = kind;
  role.members = std::move(members);
  role.optional = true;
  return role;
}

void drain(Source& source) {
  for (int samples = 0; samples < 1000; ++samples) {
    auto result = source.next();
    if (!result) return;
    finish(*result);
  }
}

void fuzz_tar(std::string_view bytes) {
  const MemberRequest request{{{"caption", role_of("text", {"txt", "json"})}}, {}};
  drain(*tar_source({as_file("fuzz.tar", bytes)}, TarOptions{}, request));
}

// What an archive's process may say, whatever it is asked.
void fuzz_archive(std::string_view bytes) {
  const auto answer = as_file("fuzz.answer", bytes),
             program = as_file("answer.sh", "#!/bin/sh\nexec cat \"${0%/*}/fuzz.answer\"\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  MemberRequest request{{{"caption", role_of("text", {"txt", "json"})}}, {}};
  request.archives = apart_archives({.program = program.string()});
  drain(*tar_source({answer}, TarOptions{}, request));
}

const std::map<std::string, RoleOptions>& array_roles() {
  static const std::map<std::string, RoleOptions> roles{{"caption", role_of("text", {"text"})},
                                                        {"picture", role_of("image", {"pixels"})},
                                                        {"sound", role_of("audio", {"samples"})}};
  return roles;
}

// A file that the library may stumble over, which is why a process of its own reads it. That may be ended by a signal;
// what is ours in it may not throw, nor give a sanitizer anything to report.
void fuzz_hdf5(std::string_view bytes) {
  const std::string path = as_file("fuzz.h5", bytes).string();
  const int status = status_of(start_child([&path] {
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(fault, SIG_DFL);
    ::alarm(10);
    std::FILE* const nowhere = std::fopen("/dev/null", "wb");
    write_hdf5_rows(path, {"text", "pixels", "samples", "label"}, ApartWriter(nowhere));
  }));
  TORCH_CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "the process that reads HDF5 ended with status ",
              WEXITSTATUS(status));
}

// What that process may say, said by cat: of its arguments only the path is a file.
void fuzz_rows(std::string_view bytes) {
  Hdf5Options options;
  options.fields = {"label"};
  drain(*hdf5_source({as_file("fuzz.h5", bytes)}, options, {array_roles(), {}}, "cat"));
}

void fuzz_lines(std::string_view bytes) {
  const MemberRequest request{{{"caption", role_of("text", {"txt"})}}, {}};
  drain(*lines_source({as_file("fuzz.txt", bytes)}, LinesOptions{}, request));
}

void fuzz_idx(std::string_view bytes) {
  const MemberRequest request{{{"picture", role_of("image", {"image"})}}, {}};
  drain(*idx_source(as_file("fuzz-idx3-ubyte", bytes), {}, request));
}

void fuzz_wordnet(std::string_view bytes) {
  RoleOptions gloss = role_of("text", {});
  gloss.field = "text";
  drain(*wordnet_source({as_file("data.noun", bytes)}, {{{"caption", gloss}}, {}}));
}

void fuzz_caption(std::string_view bytes) { read_caption(bytes); }

// The kind of puzzle by its number, the question, and the answer after a line "----".
void fuzz_puzzle(std::string_view bytes) {
  const std::size_t cut = bytes.find("\n----\n");
  if (bytes.empty() || cut == std::string_view::npos) return;
  constexpr auto kKinds = enum_names(PuzzleKind{});
  const std::size_t kind = static_cast<std::uint8_t>(bytes.front()) % kKinds.size();
  check_answer(kKinds[kind].first, std::string(bytes.substr(1, cut - 1)), std::string(bytes.substr(cut + 6)));
}

void fuzz_jsonl(std::string_view bytes) { read_table(as_file("fuzz.jsonl", bytes)); }
void fuzz_csv(std::string_view bytes) { read_table(as_file("fuzz.csv", bytes)); }
void fuzz_picture(std::string_view bytes) { decode_image(bytes, "fuzz", small_pictures()); }
void fuzz_sound(std::string_view bytes) { decode_audio(bytes, 8000, "fuzz", {.max_seconds = 10.0}); }

// The first clips of a film, with their part of the sound.
void fuzz_film(std::string_view bytes) {
  ClipReader clips(bytes, "fuzz", {0.5, 1, {.max_seconds = 3600.0, .max_pixels = 1 << 16}});
  for (std::int64_t clip = 0; clip < std::min<std::int64_t>(clips.count(), 4); ++clip) clips.next();
  SoundReader sound(bytes, "fuzz", 8000, {.max_seconds = 10.0});
  for (int piece = 0; piece < 4; ++piece) sound.read(4000);
}

void fuzz_streams(std::string_view bytes) { read_streams(bytes, "fuzz"); }
void fuzz_text(std::string_view bytes) { decode_text(bytes, "fuzz"); }
void fuzz_safetensors(std::string_view bytes) { parse_safetensors(bytes, "fuzz"); }

// With its sum set right, so that more than the sum is met.
void fuzz_manifest(std::string_view bytes) {
  std::string text(bytes);
  auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    json.erase("checksum");
    json["checksum"] = hash64_hex(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    text = json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  read_manifest(as_file("manifest/manifest.json", text).parent_path());
}

void fuzz_ledger(std::string_view bytes) {
  read_ledger(as_file("ledger/ledger.jsonl", bytes).parent_path(), static_cast<std::int64_t>(bytes.size()));
}

// The whole file as its own index: what the index's parser makes of anything.
void fuzz_index(std::string_view bytes) { ShardIndex::parse(bytes, "fuzz", 1 << 20); }

// Bytes are an index's length (4), the index, and arrays, with every sum set right: what the reader makes of a shard
// whose author means harm.
void fuzz_shard(std::string_view bytes) {
  if (bytes.size() < 4) return;
  std::uint32_t length = 0;
  std::copy_n(bytes.data(), 4, reinterpret_cast<char*>(&length));
  if (length > bytes.size() - 4) return;
  const auto size = static_cast<std::int64_t>(bytes.size());
  ShardIndex index = ShardIndex::parse(bytes.substr(4, length), "fuzz", size);
  const auto set_right = [&bytes](ArrayPlaces& places) {
    for (auto& [name, place] : places) {
      place.sum =
          hash64_hex(bytes.substr(static_cast<std::size_t>(place.begin), static_cast<std::size_t>(place.bytes)));
    }
  };
  set_right(index.layouts);
  for (RowGroupPlace& group : index.groups) set_right(group.arrays);
  const std::string text = index.format(), file = std::string(bytes) + text;
  ShardEntry entry;
  entry.rows = index.rows();
  entry.bytes = static_cast<std::int64_t>(file.size());
  entry.index_begin = size;
  entry.index_bytes = static_cast<std::int64_t>(text.size());
  entry.index_checksum = hash64_hex(text);
  const ShardReader reader(memory_source(file, "fuzz"), entry);
  for (const auto& [role, place] : index.layouts) reader.layout_LA(role);
  for (std::size_t number = 0; number < index.groups.size(); ++number) {
    const auto group = reader.read_group(number);
    for (std::int64_t row = 0; row < group->rows(); ++row) {
      group->key(row);
      group->meta(row);
      for (const auto& [role, column] : group->roles()) column.ids_L(row);
    }
  }
}

void fuzz_tokenizer(std::string_view bytes) {
  load_tokenizer(as_file("tokenizer/tokenizer.json", bytes).parent_path());
}

// A GPT-2 folder: vocabulary and merges, one file with a line "----" between them.
void fuzz_gpt2(std::string_view bytes) {
  const std::size_t cut = bytes.find("\n----\n");
  if (cut == std::string_view::npos) return;
  as_file("gpt2/vocab.json", bytes.substr(0, cut));
  const auto folder = as_file("gpt2/merges.txt", bytes.substr(cut + 6)).parent_path();
  load_tokenizer(folder)->encode({Text{"The quick brown fox"}});
}

void fuzz_recipe(std::string_view bytes) {
  const Recipe recipe = load_recipe(as_file("fuzz.toml", bytes).string(), "prepare");
  recipe_options<DataOptions>(recipe, "data");
}

}  // namespace

const std::vector<FuzzTarget>& fuzz_targets() {
  static const std::vector<FuzzTarget> targets{{"archive", fuzz_archive},
                                               {"caption", fuzz_caption},
                                               {"csv", fuzz_csv},
                                               {"film", fuzz_film},
                                               {"gpt2", fuzz_gpt2},
                                               {"hdf5", fuzz_hdf5},
                                               {"idx", fuzz_idx},
                                               {"index", fuzz_index},
                                               {"jsonl", fuzz_jsonl},
                                               {"ledger", fuzz_ledger},
                                               {"lines", fuzz_lines},
                                               {"manifest", fuzz_manifest},
                                               {"picture", fuzz_picture},
                                               {"puzzle", fuzz_puzzle},
                                               {"recipe", fuzz_recipe},
                                               {"rows", fuzz_rows},
                                               {"safetensors", fuzz_safetensors},
                                               {"shard", fuzz_shard},
                                               {"sound", fuzz_sound},
                                               {"streams", fuzz_streams},
                                               {"tar", fuzz_tar},
                                               {"text", fuzz_text},
                                               {"tokenizer", fuzz_tokenizer},
                                               {"wordnet", fuzz_wordnet}};
  return targets;
}

void run_target(const FuzzTarget& target, std::string_view bytes) {
  try {
    target.run(bytes);
  } catch (const InputError&) {
  } catch (const IoError&) {
  }
}

}  // namespace palimpsest
