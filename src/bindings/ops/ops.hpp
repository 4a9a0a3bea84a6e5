#pragma once

#include <array>
#include <optional>
#include <variant>

#include "bindings/bindings.hpp"

/// One function per family: a class per op, holding its attributes. Defaults live in Python.
void bind_sources(py::module_& m);
void bind_convolution(py::module_& m);
void bind_pooling(py::module_& m);
void bind_normalization(py::module_& m);
void bind_neurons(py::module_& m);
void bind_recurrent(py::module_& m);
void bind_arithmetic(py::module_& m);
void bind_layout(py::module_& m);
void bind_sampling(py::module_& m);
void bind_reductions(py::module_& m);
void bind_losses(py::module_& m);
void bind_updates(py::module_& m);

namespace mpsnn {

using Pair = std::pair<int, int>;
using PyPadding = std::variant<std::string, std::tuple<int, int, int, int>>;

inline Size2 size2(Pair p) { return {p.first, p.second}; }

/// The enumerator at the place of `name` in `names`.
template <class E, std::size_t N>
E choice(std::string_view argument, const std::string& name,
         const std::array<std::string_view, N>& names) {
  std::string all;
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<E>(i);
    all += str(i == 0 ? "" : i + 1 == N ? " or " : ", ", '\'', names[i], '\'');
  }
  throw ShapeError(str(argument, ": must be ", all, ", got '", name, "'"));
}

/// The op of the kind called `name`.
template <class T>
T of_kind(const std::string& name) {
  T op;
  for (int i = 0; i < T::kinds; ++i) {
    op.kind = static_cast<typename T::Kind>(i);
    if (mpsnn::name(Op(op)) == name) return op;
  }
  throw ShapeError(str("kind: there is no '", name, "'"));
}

inline constexpr std::array<std::string_view, 2> edge_names = {"clamp", "zero"};
inline Edge edge(const std::string& name) { return choice<Edge>("edge", name, edge_names); }

Padding padding(const PyPadding& p);

}  // namespace mpsnn
