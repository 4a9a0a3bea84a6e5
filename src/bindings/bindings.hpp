#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <string>
#include <string_view>

#include "mpsnn/mpsnn.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

void bind_source(py::module_& m);
void bind_ops(py::module_& m);
void bind_graph(py::module_& m);
void bind_session(py::module_& m);
void bind_executable(py::module_& m);
void bind_profile(py::module_& m);
void bind_predictor(py::module_& m);
void bind_loader(py::module_& m);
void bind_trainer(py::module_& m);

/// A numpy array as it is: nothing is converted or copied here.
/// @throws TypeError if it is no array, ShapeError if it is not C-contiguous or
///     has a dtype that the library does not know.
mpsnn::HostArray view(py::handle object, std::string_view what);

/// Whether it is (N, shape).
bool is_batch_of(const py::array& array, const mpsnn::Shape& shape);

/// `view`, of `images` times `shape`; `images` is set from the first axis where
/// it is 0. @throws ShapeError naming `what` and both shapes.
mpsnn::HostArray view_batch(py::handle object, std::string_view what, const mpsnn::Shape& shape,
                            int& images);

/// A new array of `images` times `shape`, or of `shape` where `images` is 0.
py::array new_array(mpsnn::DType dtype, const mpsnn::Shape& shape, int images);
mpsnn::HostSpan span_of(py::array& array);

/// Bytes by use. `report` is called without the GIL.
py::typing::Dict<py::str, std::size_t> memory_report(
    const std::function<mpsnn::MemoryReport()>& report);

py::tuple tuple_of(const mpsnn::Shape& shape);
bool has_shape(const py::object& array, const mpsnn::Shape& shape);
