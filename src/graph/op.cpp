#include "mpsnn/ops.hpp"

namespace mpsnn {

Op::Op() = default;
Op::Op(Variant op) : Variant(std::move(op)) {}
Op::Op(const Op& other) = default;
Op::Op(Op&& other) noexcept = default;
Op& Op::operator=(const Op& other) = default;
Op& Op::operator=(Op&& other) noexcept = default;
Op::~Op() = default;

}  // namespace mpsnn
