// palimpsest encode: one media file to ids.
#include <iostream>
#include <iterator>

#include "base/errors.h"
#include "base/files.h"
#include "experiments/cli/commands.h"
#include "modalities/media/files.h"
#include "modalities/media/image.h"
#include "modalities/media/text.h"
#include "tokenizers/tokenizer.h"

namespace palimpsest {

namespace {

struct EncodeOptions {
  std::string tokenizer, input, out;
  FitPolicy fit = FitPolicy::kRefuse;
  bool json = false;
  MachineOptions machine;
};

Media read_input(const EncodeOptions& options, const Tokenizer& tokenizer) {
  const std::string& modality = tokenizer.space().modality;
  if (options.input == "-") {
    if (modality != "text")
      throw InputError("-", "", "only text is read from stdin, and this tokenizer reads " + modality);
    return decode_text(std::string(std::istreambuf_iterator<char>(std::cin), {}), "stdin");
  }
  Media media = load_media(options.input, {modality, tokenizer.sample_rate()});
  if (Image* image = std::get_if<Image>(&media)) {
    *image = fit_image(*image, tokenizer.picture_size(), tokenizer.picture_size(), options.fit, options.input);
  }
  return media;
}

nlohmann::ordered_json to_json(const Codes& codes) {
  nlohmann::ordered_json ids = nlohmann::ordered_json::array(), places = nlohmann::ordered_json::array();
  const at::Tensor coordinates_LA = codes.layout.coordinates_LA.to(at::kLong).contiguous();
  for (std::int64_t index = 0; index < codes.ids_L.size(0); ++index) {
    ids.push_back(codes.ids_L[index].item<std::int64_t>());
    const std::int64_t* place = coordinates_LA.const_data_ptr<std::int64_t>() + index * kAxes;
    places.push_back(std::vector<std::int64_t>(place, place + kAxes));
  }
  return {{"modality", codes.layout.modality},
          {"ids", ids},
          {"layout", {{"axes", {"depth", "row", "column"}}, {"coordinates", places}}}};
}

std::string plain(const nlohmann::ordered_json& ids) {
  std::string line;
  for (const auto& id : ids) line += (line.empty() ? "" : " ") + id.dump();
  return line + "\n";
}

void run_encode(const EncodeOptions& options) {
  const Machine machine = resolve_machine(options.machine);
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(options.tokenizer);
  tokenizer->to(machine);
  const nlohmann::ordered_json result = to_json(tokenizer->encode({read_input(options, *tokenizer)}).front());
  if (!options.out.empty()) write_file_atomically(options.out, result.dump() + "\n");
  if (options.json) {
    std::cout << result.dump() << "\n";
  } else if (options.out.empty()) {
    std::cout << plain(result["ids"]);
  }
}

}  // namespace

void add_encode_command(CLI::App& program) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* command =
      program.add_subcommand("encode", "turn one text, picture or sound into ids")
          ->footer("Example:\n  palimpsest encode checkpoints/emoji/tokenizers/picture apple.png --json");
  command->add_option("TOKENIZER", options->tokenizer, "a tokenizer's directory")->required();
  command->add_option("INPUT", options->input, "a media file; - for text on stdin")->required();
  command->add_option("--out", options->out, "write the JSON to this file");
  command
      ->add_option_function<std::string>(
          "--fit",
          [options](const std::string& text) { options->fit = parse_enum<FitPolicy>(text, "command line", "--fit"); },
          "pictures of another size: crop, pad, stretch or refuse")
      ->default_str("refuse");
  command->add_flag("--json", options->json, "print modality, ids and layout as JSON");
  add_options(*command, options->machine);
  command->callback([options] { run_encode(*options); });
}

}  // namespace palimpsest
