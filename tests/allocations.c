// Counts what is allocated, loaded in front of the C library (LD_PRELOAD). Of each allocation the
// innermost caller among the engine, oneDNN and others counts. With glibc alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void* __libc_malloc(size_t bytes);
extern void* __libc_calloc(size_t count, size_t bytes);
extern void* __libc_realloc(void* data, size_t bytes);
extern void* __libc_memalign(size_t alignment, size_t bytes);

enum { frames = 48 };
static volatile int counting = 0;
static long caller_thread = 0, of_engine = 0, of_dnnl = 0, of_caller = 0;
static __thread int inside = 0;

static void count_callee(void) {
  void* stack[frames];
  const int depth = backtrace(stack, frames);
  for (int i = 1; i < depth; ++i) {
    Dl_info info;
    if (!dladdr(stack[i], &info) || !info.dli_fname) continue;
    if (strstr(info.dli_fname, "libdnnl")) {
      __sync_fetch_and_add(&of_dnnl, 1);
      return;
    }
    if (strstr(info.dli_fname, "_core.")) {
      __sync_fetch_and_add(&of_engine, 1);
      return;
    }
  }
}

static void count(void) {
  if (!counting || inside) return;
  inside = 1;
  if (syscall(SYS_gettid) == caller_thread)
    __sync_fetch_and_add(&of_caller, 1);
  else
    count_callee();
  inside = 0;
}

void* malloc(size_t bytes) { return count(), __libc_malloc(bytes); }
void* calloc(size_t n, size_t bytes) { return count(), __libc_calloc(n, bytes); }
void* realloc(void* data, size_t bytes) { return count(), __libc_realloc(data, bytes); }
void* memalign(size_t alignment, size_t bytes) {
  return count(), __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** data, size_t alignment, size_t bytes) {
  *data = memalign(alignment, bytes);
  return *data ? 0 : ENOMEM;
}

// Begins to count; the thread that asks for it is that of the caller.
void allocations_begin(void) {
  void* stack[1];
  backtrace(stack, 1);  // loads what it needs now
  caller_thread = syscall(SYS_gettid);
  of_engine = of_dnnl = of_caller = 0;
  counting = 1;
}

// Ends it: how many were of the engine's threads and code, of oneDNN, and of the caller's thread.
void allocations_end(long out[3]) {
  counting = 0;
  out[0] = of_engine;
  out[1] = of_dnnl;
  out[2] = of_caller;
}
