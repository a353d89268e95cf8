// A request is a length, a header of JSON and the file's bytes; an answer is kLarge (which waits for a word to go on)
// any number of times, then kError with a text, or kMedia with its kind and content. Numbers are the machine's own:
// both sides are one program.
//
// Shapes: H rows, W columns, C channels (3), N samples.
#include "modalities/media/apart.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/child_process.h"
#include "base/errors.h"
#include "base/failpoint.h"

namespace palimpsest {

namespace {

constexpr char kLarge = 'l', kError = 'e', kMedia = 'm', kGoOn = 'g';

template <class Number>
std::string bytes_of_number(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

template <class Number>
Number number_of_bytes(const std::string& bytes) {
  Number number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

nlohmann::json header_of(std::string_view bytes, std::string_view name, const MediaForm& form) {
  const ImageLimits& image = form.limits.image;
  const AudioLimits& audio = form.limits.audio;
  return {{"bytes", bytes.size()},
          {"name", name},
          {"kind", form.kind},
          {"sample_rate", form.sample_rate},
          {"max_pixels", image.max_pixels},
          {"max_side", image.max_side},
          {"large", image.large_pixels},
          {"max_seconds", audio.max_seconds},
          {"min_rate", audio.min_rate},
          {"max_rate", audio.max_rate}};
}

MediaForm form_of_header(const nlohmann::json& header) {
  MediaForm form;
  form.kind = header.at("kind");
  form.sample_rate = header.at("sample_rate");
  form.limits.image.max_pixels = header.at("max_pixels");
  form.limits.image.max_side = header.at("max_side");
  form.limits.image.large_pixels = header.at("large");
  form.limits.audio.max_seconds = header.at("max_seconds");
  form.limits.audio.min_rate = header.at("min_rate");
  form.limits.audio.max_rate = header.at("max_rate");
  return form;
}

// ---- the process that decodes ----------------------------------------------------------------------------------

// Exactly so many bytes of stdin; false at its end.
bool get(std::string& bytes, std::size_t count) {
  bytes.resize(count);
  return std::fread(bytes.data(), 1, count, stdin) == count;
}

void put(std::string_view bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }

struct Putter {
  void operator()(const Text& text) const {
    put(bytes_of_number<std::int64_t>(static_cast<std::int64_t>(text.utf8.size())));
    put(text.utf8);
  }
  void operator()(const Image& image) const {
    const at::Tensor pixels_HWC = image.pixels_HWC.contiguous();
    put(bytes_of_number(pixels_HWC.size(0)) + bytes_of_number(pixels_HWC.size(1)));
    put({static_cast<const char*>(pixels_HWC.const_data_ptr()), pixels_HWC.nbytes()});
  }
  void operator()(const Audio& audio) const {
    const at::Tensor samples_N = audio.samples_N.contiguous();
    put(bytes_of_number(samples_N.numel()));
    put({static_cast<const char*>(samples_N.const_data_ptr()), samples_N.nbytes()});
  }
};

void put_error(std::string_view text) {
  put({&kError, 1});
  put(bytes_of_number<std::int64_t>(static_cast<std::int64_t>(text.size())));
  put(text);
}

void ask_for_large() {
  put({&kLarge, 1});
  std::fflush(stdout);
  std::string answer;
  get(answer, 1);
}

void answer(const nlohmann::json& header, const std::string& bytes) {
  const std::string name = header.at("name");
  MediaForm form = form_of_header(header);
  form.limits.image.before_large = ask_for_large;
  failpoint("decode.apart");
  try {
    const Media media = decode_media(bytes, name, form).media;
    put({&kMedia, 1});
    std::visit(Putter{}, media);
  } catch (const InputError& error) {
    put_error(error.what());
  } catch (const std::exception& error) {  // out of the memory that it may take, say
    put_error(name + ": cannot be decoded (" + std::string(error.what()).substr(0, 200) + ")");
  }
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "by signal " + std::to_string(WTERMSIG(status));
  return "with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

int serve_decoding(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return 2;
  bound_own_memory(std::stoul(arguments[0]));
  for (std::string length, header, bytes; get(length, sizeof(std::uint32_t));) {
    if (!get(header, number_of_bytes<std::uint32_t>(length))) return 1;
    const auto request = nlohmann::json::parse(header);
    if (!get(bytes, request.at("bytes").get<std::size_t>())) return 1;
    answer(request, bytes);
    if (std::fflush(stdout) != 0) return 1;
  }
  return 0;
}

// ---- the process that asks -------------------------------------------------------------------------------------

class ApartDecoders::Process {
 public:
  explicit Process(const ApartOptions& options)
      : dialogue_({options.program, kDecodeApart, std::to_string(options.memory_mb)}, options.stall_seconds) {}

  // InputError when the file is refused; IoError when the process is at its end.
  FormedMedia decode(std::string_view bytes, std::string_view name, const MediaForm& form) {
    const std::string header =
        header_of(bytes, name, form).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    dialogue_.write(bytes_of_number(static_cast<std::uint32_t>(header.size())) + header);
    dialogue_.write(bytes);
    char word = read(1).front();
    for (; word == kLarge; word = read(1).front()) {
      if (form.limits.image.before_large) form.limits.image.before_large();
      dialogue_.write({&kGoOn, 1});
    }
    if (word == kError) throw InputError(read(static_cast<std::size_t>(read_count())), "", "");
    return {read_media(form), ""};
  }

  int finish() { return dialogue_.finish(); }

 private:
  std::string read(std::size_t count) {
    std::string bytes = dialogue_.read(count);
    if (bytes.size() < count) throw IoError("", "", "its decoder was ended " + how_it_ended(dialogue_.finish()));
    return bytes;
  }
  std::int64_t read_count() { return number_of_bytes<std::int64_t>(read(sizeof(std::int64_t))); }

  at::Tensor read_tensor(at::IntArrayRef shape, at::ScalarType type) {
    at::Tensor tensor = at::empty(shape, type);
    auto* out = static_cast<char*>(tensor.mutable_data_ptr());
    constexpr std::size_t kPiece = 1 << 20;  // so that what is read is never there twice
    for (std::size_t done = 0; done < tensor.nbytes();) {
      const std::string piece = read(std::min(kPiece, tensor.nbytes() - done));
      std::memcpy(out + done, piece.data(), piece.size());
      done += piece.size();
    }
    return tensor;
  }

  Media read_media(const MediaForm& form) {
    if (form.kind == "text") return Text{read(static_cast<std::size_t>(read_count()))};
    if (form.kind == "audio") return Audio{read_tensor({read_count()}, at::kFloat), form.sample_rate};
    const std::int64_t rows = read_count(), columns = read_count();
    return Image{read_tensor({rows, columns, 3}, at::kByte)};
  }

  ProgramDialogue dialogue_;
};

ApartDecoders::ApartDecoders(ApartOptions options) : options_(std::move(options)) {}

ApartDecoders::~ApartDecoders() = default;

std::unique_ptr<ApartDecoders::Process> ApartDecoders::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty()) return std::make_unique<Process>(options_);
  auto process = std::move(free_.back());
  free_.pop_back();
  return process;
}

FormedMedia ApartDecoders::decode(std::string_view bytes, std::string_view name, const MediaForm& form) {
  auto process = take();
  const auto give_back = [&] {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(process));
  };
  try {
    FormedMedia media = process->decode(bytes, name, form);
    give_back();
    return media;
  } catch (const InputError&) {
    give_back();
    throw;
  } catch (const IoError& error) {  // gone, or about to be
    throw InputError(name, "", error.what());
  }
}

}  // namespace palimpsest
