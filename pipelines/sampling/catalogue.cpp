#include "pipelines/sampling/catalogue.h"

namespace palimpsest {

std::vector<CatalogueEntry> sampler_catalogue() {
  return {
      {"unmask", "confidence", "every mask draws an id, and the most confident draws of each role are written",
       "MaskGIT, arXiv 2202.04200, section 3.2"},
      {"unmask", "ancestral", "the reverse process: each mask is written with the law's own probability",
       "MDLM, arXiv 2406.07524"},
      {"grid", "uniform", "steps end at evenly spaced times", "MDLM, arXiv 2406.07524"},
      {"grid", "cosine", "the masked share falls like a cosine: few ids while little is known",
       "MaskGIT, arXiv 2202.04200, section 3.3"},
      {"guidance", "", "u + w(c - u) between the logits with and without what is given; 1 is none",
       "classifier-free guidance, arXiv 2207.12598"},
      {"temperature", "", "of the drawn ids, also by role; 0 takes the likeliest", ""},
      {"choice_noise", "", "Gumbel noise on the confidence, annealed to none over the steps",
       "MaskGIT, arXiv 2202.04200"},
      {"top_k", "", "draws among the k likeliest ids, also by role", "arXiv 1805.04833"},
      {"top_p", "", "draws among the fewest ids of this total probability, also by role",
       "nucleus sampling, arXiv 1904.09751"},
  };
}

}  // namespace palimpsest
