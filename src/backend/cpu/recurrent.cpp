#include "backend/cpu/kernels.hpp"
namespace mpsnn::cpu {
KernelPair rnn_kernels() { return {}; }
KernelPair lstm_kernels() { return {}; }
KernelPair gru_kernels() { return {}; }
KernelPair mgu_kernels() { return {}; }
}
