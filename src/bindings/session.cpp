#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

const Variable& find(const std::vector<Variable>& variables, const std::string& name) {
  for (const Variable& v : variables) {
    if (v.name == name) return v;
  }
  throw ShapeError(str("no variable '", name, "' in this model"));
}

using Named = std::map<std::string, py::array>;

std::pair<std::uint64_t, Named> read_variables(Session& self,
                                               const std::vector<std::string>& names) {
  const std::vector<Variable> variables = self.variables();
  Named out;
  std::vector<std::pair<std::string, HostSpan>> to;
  for (const std::string& name : names) {
    const Variable& v = find(variables, name);
    const auto it = out.emplace(name, new_array(v.dtype, v.shape, 0)).first;
    to.emplace_back(name, span_of(it->second));
  }
  std::uint64_t step = 0;
  {
    const py::gil_scoped_release release;
    step = self.read(to);
  }
  return {step, std::move(out)};
}

void write_variables(Session& self, const std::map<std::string, py::object>& arrays,
                     std::optional<std::pair<std::uint64_t, std::uint64_t>> progress) {
  const std::vector<Variable> variables = self.variables();
  std::vector<std::pair<std::string, HostArray>> from;
  for (const auto& [name, array] : arrays) {
    const Variable& v = find(variables, name);
    from.emplace_back(name, view(array, name));
    if (!has_shape(array, v.shape))
      throw ShapeError(str(name, ": shape must be ", v.shape, ", got ",
                           std::string(py::str(array.attr("shape")))));
  }
  std::optional<Progress> at;
  if (progress) at = Progress{progress->first, progress->second};
  const py::gil_scoped_release release;
  self.write(from, at);
}

const char* kind(Variable::Kind kind) {
  constexpr const char* names[] = {"parameter", "statistic", "optimizer"};
  return names[static_cast<int>(kind)];
}

}  // namespace

void bind_session(py::module_& m) {
  py::class_<Session, std::shared_ptr<Session>>(
      m, "Session", "The variables of one model, on their device, and the order of its runs.")
      .def(
          "variables",
          [](const Session& self) {
            std::vector<std::tuple<std::string, std::vector<Dim>, std::string, std::string>> out;
            for (const Variable& v : self.variables())
              out.emplace_back(v.name,
                               std::vector<Dim>(v.shape.dims().begin(), v.shape.dims().end()),
                               std::string(name(v.dtype)), kind(v.kind));
            return out;
          },
          "Name, shape, dtype and kind ('parameter', 'statistic' or 'optimizer') of each.")
      .def("read", &read_variables, "names"_a,
           "The steps completed, and copies, all at one point: after the runs submitted so far.")
      .def("write", &write_variables, "arrays"_a, "progress"_a = py::none(),
           "Copy arrays in, and set (step, seed), all at one point: after the runs so far.")
      .def_property_readonly("step", &Session::step, "Training steps completed.")
      .def_property_readonly("seed", &Session::seed);
}
