#include "bindings/bindings.hpp"

using namespace mpsnn;

namespace {

const Variable& find(const std::vector<Variable>& variables, const std::string& name) {
  for (const Variable& v : variables) {
    if (v.name == name) return v;
  }
  throw ShapeError(str("no variable '", name, "' in this model"));
}

py::array read_variable(Session& self, const std::string& name) {
  const std::vector<Variable> variables = self.variables();
  const Variable& v = find(variables, name);
  py::array out = new_array(v.dtype, v.shape, 0);
  const HostSpan to = span_of(out);
  const py::gil_scoped_release release;
  self.read(name, to);
  return out;
}

void write_variable(Session& self, const std::string& name, const py::object& array) {
  const std::vector<Variable> variables = self.variables();
  const Variable& v = find(variables, name);
  const HostArray from = view(array, name);
  if (!has_shape(array, v.shape))
    throw ShapeError(str(name, ": shape must be ", v.shape, ", got ",
                         std::string(py::str(array.attr("shape")))));
  const py::gil_scoped_release release;
  self.write(name, from);
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
              out.emplace_back(v.name, std::vector<Dim>(v.shape.dims().begin(), v.shape.dims().end()),
                               std::string(name(v.dtype)), kind(v.kind));
            return out;
          },
          "Name, shape, dtype and kind ('parameter', 'statistic' or 'optimizer') of each.")
      .def("read", &read_variable, "name"_a, "A copy, after every run submitted so far.")
      .def("write", &write_variable, "name"_a, "array"_a, "Copy `array` in, after every run so far.")
      .def_property_readonly("step", &Session::step, "Training steps completed.")
      .def_property_readonly("seed", &Session::seed)
      .def("set_step", &Session::set_step, "step"_a, "seed"_a,
           py::call_guard<py::gil_scoped_release>());
}
