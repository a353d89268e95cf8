// JSON records under schemas. A question is the fields and what each may hold, "age:12..40;hue:red|green;twin:=age;
// all:age+size" (without the spaces); a solution is a JSON object that keeps to it:
//
//   LO..HI       a whole number in that range        3*red|green  a list of three of these, each once or more
//   red|green    one of these words                  yes|no       is such a choice too
//   =FIELD       the value of that field             A+B          the sum of two number fields
//
// Many records keep to a schema; fields that refer to others are what has to agree.
#pragma once

#include "datasets/puzzles/puzzle.h"

namespace palimpsest {

struct RecordOptions {
  std::int64_t fewest = 2, most = 4;  // fields of their own
  std::int64_t linked = 1;            // fields that refer to others, besides
  std::int64_t largest = 99;          // number

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& visitor) {
    visitor("fewest", self.fewest, "fewest fields of their own");
    visitor("most", self.most, "most fields of their own");
    visitor("linked", self.linked, "fields that refer to others, besides");
    visitor("largest", self.largest, "largest number of a range");
  }
  void validate() const;
};

// The first field is a number; kinds of the others, names, bounds and values are uniform. A schema is a group.
std::unique_ptr<PuzzleMaker> record_maker(const RecordOptions& options);

// Rules: question, json, object, missing, unknown, range, choice, list, link, sum.
Ruling check_record(const std::string& question, const std::string& answer);

}  // namespace palimpsest
