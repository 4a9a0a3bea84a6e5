#include "bindings/bindings.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "Native core of mpsnn. Use the mpsnn package, not this module.";

  const auto error = py::register_exception<mpsnn::Error>(m, "Error", PyExc_RuntimeError);
  const auto derived = [&](py::handle builtin) { return py::make_tuple(error, builtin); };
  py::register_exception<mpsnn::ShapeError>(m, "ShapeError", derived(PyExc_ValueError));
  py::register_exception<mpsnn::UnsupportedError>(m, "UnsupportedError",
                                                  derived(PyExc_NotImplementedError));
  py::register_exception<mpsnn::NumericError>(m, "NumericError", derived(PyExc_ArithmeticError));
  py::register_exception<mpsnn::DeviceError>(m, "DeviceError", error);

  bind_source(m);
  bind_ops(m);
  bind_graph(m);
  bind_session(m);
  bind_executable(m);
  bind_profile(m);
  bind_predictor(m);
  bind_loader(m);  // before what takes a trace
  bind_trainer(m);
}
