// Held-out rows of a backbone's data, and the bound that the net reaches on them: as a whole and task by task.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/distributed.h"
#include "experiments/training/role_task.h"
#include "experiments/training/token_data.h"

namespace palimpsest {

class TokenValidation {
 public:
  // InputError at the line: splits and tasks that are not there.
  TokenValidation(const Recipe& recipe, const CanvasSchema& schema, TokenSets& sets);

  // Nats a token with noise that is the same every time, and whatever the run's seed: "unseen-style/text" as steps see
  // the rows, "unseen-style/caption->picture/image" with the task's given roles clean and nothing else on the page. A
  // task takes the rows that have all its roles. Batches are dealt out to the processes, which all get the whole.
  std::map<std::string, double> figures(Denoiser& denoiser, c10::Device device, std::int64_t rows_at_once,
                                        Peers& peers) const;

  const std::vector<RoleTask>& tasks() const { return tasks_; }

 private:
  struct Part {
    std::string name;  // before the modality
    CanvasSchema schema;
    std::vector<std::string> given;
    std::shared_ptr<const Mixture> rows;
    std::int64_t count = 0;
  };
  void add_part(std::string name, const CanvasSchema& schema, std::vector<std::string> given,
                std::shared_ptr<TokenSet> set);

  DiffusionOptions diffusion_;
  std::int64_t most_rows_;
  std::vector<RoleTask> tasks_;
  std::vector<Part> parts_;
};

}  // namespace palimpsest
