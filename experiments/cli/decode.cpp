// palimpsest decode: ids back to a media file.
#include <iostream>
#include <iterator>

#include "base/errors.h"
#include "base/files.h"
#include "experiments/cli/commands.h"
#include "modalities/media/files.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

namespace {

struct DecodeOptions {
  std::string tokenizer, ids, out;
  MachineOptions machine;
};

std::string extension_of(const std::string& modality) {
  return modality == "text" ? ".txt" : modality == "image" ? ".png" : ".wav";
}

// A list of ids, or an object with "ids" as encode writes it. All is checked here, at the edge.
std::vector<std::int64_t> parse_ids(const std::string& text, const std::string& name, const CodeSpace& space) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    if (json.contains("modality") && json["modality"] != space.modality) {
      throw InputError(name, "modality",
                       "is " + json["modality"].dump() + ", and this tokenizer makes " + space.modality);
    }
    if (!json.contains("ids")) throw InputError(name, "ids", "is missing");
    const nlohmann::json inner = json["ids"];
    json = inner;
  }
  if (!json.is_array())
    throw InputError(name, "ids", "must be a JSON list of ids, or an object that has one as \"ids\"");
  std::vector<std::int64_t> ids;
  for (const auto& id : json) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= space.size()) {
      throw InputError(name, "ids[" + std::to_string(ids.size()) + "]",
                       "must be a whole number from 0 to " + std::to_string(space.size() - 1) + ", got " + id.dump());
    }
    ids.push_back(id.get<std::int64_t>());
  }
  return ids;
}

Codes read_codes(const DecodeOptions& options, const Tokenizer& tokenizer) {
  const std::string text =
      options.ids == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : read_file(options.ids);
  const std::vector<std::int64_t> ids = parse_ids(text, options.ids, tokenizer.space());
  Layout layout;
  try {
    layout = tokenizer.layout(static_cast<std::int64_t>(ids.size()));
  } catch (const c10::Error& error) {
    throw InputError(options.ids, "ids", error.what_without_backtrace());
  }
  const at::Tensor depths_L = layout.coordinates_LA.select(1, static_cast<std::int64_t>(Axis::kDepth)).to(at::kLong);
  for (std::size_t index = 0; index < ids.size(); ++index) {
    const CodeSpace& space = tokenizer.space();
    const std::int64_t part = space.sub_range_of(depths_L[static_cast<std::int64_t>(index)].item<std::int64_t>());
    const std::int64_t begin = space.sub_range_begin(part),
                       end = begin + space.sub_range_sizes.at(static_cast<std::size_t>(part));
    if (ids[index] < begin || ids[index] >= end) {
      throw InputError(options.ids, "ids[" + std::to_string(index) + "]",
                       "must be " + std::to_string(begin) + " to " + std::to_string(end - 1) + " at this place, got " +
                           std::to_string(ids[index]));
    }
  }
  return {at::tensor(ids, at::kLong), layout};
}

void run_decode(const DecodeOptions& options) {
  const Machine machine = resolve_machine(options.machine);
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.tokenizer);
  tokenizer->to(machine);
  const std::string extension = extension_of(tokenizer->space().modality);
  const std::filesystem::path out(options.out);
  if (!out.empty() && out.extension() != extension)
    throw InputError("command line", "--out", "must end in " + extension);
  if (out.empty() && extension != ".txt")
    throw InputError("command line", "--out", "is needed: a file that ends in " + extension);
  const Media media = tokenizer->decode({read_codes(options, *tokenizer)}).front();
  if (out.empty()) {
    std::cout << std::get<Text>(media).utf8 << "\n";
  } else {
    save_media(media, std::filesystem::path(out).replace_extension());
  }
}

}  // namespace

void add_decode_command(CLI::App& program) {
  auto options = std::make_shared<DecodeOptions>();
  CLI::App* command =
      program.add_subcommand("decode", "turn ids back into a text, picture or sound")
          ->footer("Example:\n  palimpsest decode checkpoints/emoji/tokenizers/picture ids.json --out apple-again.png");
  command->add_option("TOKENIZER", options->tokenizer, "a tokenizer's directory")->required();
  command->add_option("IDS", options->ids, "JSON as encode writes it, or a list of ids; - for stdin")->required();
  command->add_option("--out", options->out, "the file to write (.png, .wav, .txt); text goes to stdout without it");
  add_options(*command, options->machine);
  command->callback([options] { run_decode(*options); });
}

}  // namespace palimpsest
