#include "allocator.h"

#if defined(__linux__)
// There if mimalloc is linked into the program, which this library does not ask for.
extern "C" __attribute__((weak)) void mi_option_set_default(int option, long value);
#endif

extern "C" bool mlx_shim_keep_freed(long milliseconds) {
#if defined(__linux__)
  // `mi_option_purge_delay`: mimalloc.h numbers its options once and for all.
  const int purge_delay = 15;
  if (mi_option_set_default != nullptr) {
    mi_option_set_default(purge_delay, milliseconds);
    return true;
  }
#endif
  return false;
}
