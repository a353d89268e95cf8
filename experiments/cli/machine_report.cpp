#include "experiments/cli/machine_report.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <torch/version.h>

#include <cstdlib>
#include <sstream>
#include <thread>

#include "base/errors.h"
#include "base/files.h"
#include "base/machine.h"
#include "experiments/cli/measure.h"
#include "modalities/media/audio.h"
#include "modalities/media/image.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kProductSize = 1024;
constexpr int kProductRounds = 3;
constexpr double kGigabyte = 1e9;

// The value of "name : value" in a file of /proc, "" when absent.
std::string proc_field(const fs::path& path, const std::string& name) {
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

double memory_gigabytes(const std::string& name) {
  return std::atof(proc_field("/proc/meminfo", name).c_str()) * 1024 / kGigabyte;
}

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 10 + 0.5)) / 10; }

double product_gflops(c10::ScalarType dtype) { return product_flops(dtype, kProductSize, kProductRounds) / 1e9; }

std::string vector_features() {
  const std::string flags = " " + proc_field("/proc/cpuinfo", "flags") + " ";
  std::string found;
  for (const char* feature : {"avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"}) {
    if (flags.find(" " + std::string(feature) + " ") != std::string::npos)
      found += (found.empty() ? "" : " ") + std::string(feature);
  }
  return found.empty() ? "none known" : found;
}

std::string find_on_path(const std::string& program) {
  std::istringstream folders(std::getenv("PATH") ? std::getenv("PATH") : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::error_code ignored;
    const fs::path path = fs::path(folder) / program;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  return "";
}

MachineRow presence(std::string name, bool there, std::string needed_for) {
  return {std::move(name), there, "", there ? Verdict::kFine : Verdict::kMissing, there ? "" : std::move(needed_for)};
}

// Works when `attempt` does not throw; what it throws says why.
template <class Attempt>
MachineRow trial(std::string name, Attempt&& attempt) {
  try {
    attempt();
    return presence(std::move(name), true, "");
  } catch (const std::exception& error) {
    return presence(std::move(name), false, error.what());
  }
}

void add_processor(std::vector<MachineRow>& rows) {
  rows.push_back({"processor", proc_field("/proc/cpuinfo", "model name"), "", Verdict::kFact, ""});
  rows.push_back({"cores", std::thread::hardware_concurrency(), "", Verdict::kFact, ""});
  rows.push_back({"threads", at::get_num_threads(), "", Verdict::kFact, ""});
  rows.push_back({"vector_features", vector_features(), "", Verdict::kFact, ""});
  rows.push_back({"memory", rounded(memory_gigabytes("MemTotal")), "GB", Verdict::kFact, ""});
  rows.push_back({"memory_free", rounded(memory_gigabytes("MemAvailable")), "GB", Verdict::kFact, ""});
  rows.push_back(
      {"disk_free", rounded(static_cast<double>(fs::space(".").available) / kGigabyte), "GB", Verdict::kFact, ""});
}

void add_torch(std::vector<MachineRow>& rows) {
  rows.push_back({"libtorch", TORCH_VERSION, "", Verdict::kFine, ""});
  rows.push_back({"product_fp32", rounded(product_gflops(c10::ScalarType::Float)), "GFLOP/s", Verdict::kFact, ""});
  rows.push_back({"product_bf16", rounded(product_gflops(c10::ScalarType::BFloat16)), "GFLOP/s", Verdict::kFact, ""});
  rows.push_back(
      {"dtype_auto", fast_bf16(c10::Device(c10::DeviceType::CPU)) ? "bf16" : "fp32", "", Verdict::kFact, ""});
  std::error_code ignored;
  const fs::path library = fs::read_symlink("/proc/self/exe", ignored).parent_path() / "libpalimpsest_cuda.so";
  const bool built = fs::exists(library, ignored);
  rows.push_back({"cuda_library", built, "", Verdict::kFact, built ? "" : "only for GPUs"});
  rows.push_back({"cuda", at::hasCUDA(), "", Verdict::kFact, ""});
}

void add_codecs(std::vector<MachineRow>& rows) {
  const Image image{at::full({8, 8, 3}, 128, at::kByte)};
  const Audio audio{at::full({1600}, 0.25, at::kFloat), 16'000};
  rows.push_back(trial("png", [&] { decode_image(encode_png(image), "png"); }));
  rows.push_back(trial("webp", [&] { decode_image(encode_webp_lossless(image), "webp"); }));
  rows.push_back(trial("wav", [&] { decode_audio(encode_wav(audio), 16'000, "wav"); }));
}

void add_programs(std::vector<MachineRow>& rows) {
  rows.push_back(presence("flite", !find_on_path("flite").empty(), "speaks captions while preparing"));
  rows.push_back(presence("pocketsphinx",
                          !find_on_path("pocketsphinx_continuous").empty() || !find_on_path("pocketsphinx").empty(),
                          "judges generated speech while evaluating"));
  std::error_code ignored;
  rows.push_back(presence("pocketsphinx_model", fs::exists("/usr/share/pocketsphinx/model/en-us", ignored),
                          "judges generated speech while evaluating"));
}

}  // namespace

std::vector<MachineRow> report_machine() {
  std::vector<MachineRow> rows;
  add_processor(rows);
  add_torch(rows);
  add_codecs(rows);
  add_programs(rows);
  return rows;
}

}  // namespace palimpsest
