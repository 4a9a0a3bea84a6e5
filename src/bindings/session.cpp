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

std::pair<Progress, Named> read_variables(Session& self, const std::vector<std::string>& names) {
  const std::vector<Variable> variables = self.variables();
  Named out;
  std::vector<std::pair<std::string, HostSpan>> to;
  for (const std::string& name : names) {
    const Variable& v = find(variables, name);
    const auto it = out.emplace(name, new_array(v.dtype, v.shape, 0)).first;
    to.emplace_back(name, span_of(it->second));
  }
  Progress at;
  {
    const py::gil_scoped_release release;
    at = self.read(to);
  }
  return {at, std::move(out)};
}

void write_variables(Session& self, const std::map<std::string, py::object>& arrays,
                     const std::optional<Progress>& progress) {
  const std::vector<Variable> variables = self.variables();
  std::vector<std::pair<std::string, HostArray>> from;
  for (const auto& [name, array] : arrays) {
    const Variable& v = find(variables, name);
    from.emplace_back(name, view(array, name));
    if (!has_shape(array, v.shape))
      throw ShapeError(str(name, ": shape must be ", v.shape, ", got ",
                           std::string(py::str(array.attr("shape")))));
  }
  const py::gil_scoped_release release;
  self.write(from, progress);
}

const char* kind(Variable::Kind kind) {
  constexpr const char* names[] = {"parameter", "statistic", "optimizer"};
  return names[static_cast<int>(kind)];
}

DType dtype_named(const std::string& name) {
  if (name == "float16") return DType::float16;
  if (name == "float32") return DType::float32;
  if (name == "bfloat16") return DType::bfloat16;
  throw ShapeError("precision: must be 'float32', 'bfloat16' or 'float16', got '" + name + "'");
}

void bind_progress(py::module_& m) {
  py::class_<Precision>(m, "Precision", "The numbers that a graph is computed in.")
      .def(py::init([](const std::string& values, const std::string& gradients) {
             return Precision{dtype_named(values), dtype_named(gradients)};
           }),
           "values"_a = "float32", "gradients"_a = "float32")
      .def_property_readonly("values", [](const Precision& p) { return name(p.values); })
      .def_property_readonly("gradients", [](const Precision& p) { return name(p.gradients); });
  py::class_<LossScale>(m, "LossScale", "What gradients are multiplied by on their way.")
      .def(py::init<float, int, std::uint64_t>(), "value"_a = 1, "growth_interval"_a = 0,
           "since"_a = 0)
      .def_readonly("value", &LossScale::value)
      .def_readonly("growth_interval", &LossScale::growth_interval,
                    "Good steps that double it. 0: it never changes.")
      .def_readonly("since", &LossScale::since, "Steps completed when it changed last.");
  py::class_<Progress>(m, "Progress", "Where training stands.")
      .def(py::init<std::uint64_t, std::uint64_t, LossScale>(), "step"_a, "seed"_a, "scale"_a)
      .def_readonly("step", &Progress::step)
      .def_readonly("seed", &Progress::seed)
      .def_readonly("scale", &Progress::scale);
}

}  // namespace

void bind_session(py::module_& m) {
  bind_progress(m);
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
           "The progress, and copies, all at one point: after the runs submitted so far.")
      .def("write", &write_variables, "arrays"_a, "progress"_a = py::none(),
           "Copy arrays in, and set the progress, all at one point: after the runs so far.")
      .def_property_readonly("step", &Session::step, "Training steps completed.")
      .def_property_readonly("seed", &Session::seed)
      .def_property_readonly("loss_scale", &Session::loss_scale);
}
