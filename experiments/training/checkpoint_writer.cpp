#include "experiments/training/checkpoint_writer.h"

#include <chrono>

namespace palimpsest {

namespace {

double seconds_after(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TensorMap copies_of(const TensorMap& tensors) {
  TensorMap copies;
  for (const auto& [name, tensor] : tensors) {
    copies[name] = at::empty_like(tensor, tensor.options().device(c10::DeviceType::CPU)).copy_(tensor);
  }
  return copies;
}

}  // namespace

void CheckpointWriter::save(CheckpointContent content) {
  const auto begin = std::chrono::steady_clock::now();
  finish();
  for (TensorMap* tensors : {&content.model, &content.average, &content.optimizer}) *tensors = copies_of(*tensors);
  std::function<void()> write = begin_checkpoint(run_, std::move(content));
  writing_ = std::async(std::launch::async, [this, write = std::move(write)] {
    const auto start = std::chrono::steady_clock::now();
    write();
    prune_checkpoints(run_, policy_);
    return seconds_after(start);
  });
  ++saves_;
  stalled_seconds_ += seconds_after(begin);
}

void CheckpointWriter::check() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) finish();
}

void CheckpointWriter::finish() {
  if (writing_.valid()) written_seconds_ += writing_.get();
}

}  // namespace palimpsest
