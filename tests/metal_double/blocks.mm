// The runtime of blocks, after clang's description of their ABI, because that of GNUstep returns
// blocks of the stack without copying them, and Debian's retains nothing that a block captures.
// Here a block is an Objective-C object that owns what it captures. __block variables are not
// supported.
#import <Foundation/Foundation.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

@interface StandInStackBlock : NSObject
@end
@interface StandInHeapBlock : NSObject
@end
@interface StandInGlobalBlock : NSObject
@end

// What the compiler writes into a block as its class.
asm(".globl _NSConcreteStackBlock, _NSConcreteMallocBlock, _NSConcreteGlobalBlock\n"
    ".hidden _NSConcreteStackBlock, _NSConcreteMallocBlock, _NSConcreteGlobalBlock\n"
    ".set _NSConcreteStackBlock, _OBJC_CLASS_StandInStackBlock\n"
    ".set _NSConcreteMallocBlock, _OBJC_CLASS_StandInHeapBlock\n"
    ".set _NSConcreteGlobalBlock, _OBJC_CLASS_StandInGlobalBlock\n");

extern "C" {
extern void* _NSConcreteMallocBlock[];
__attribute__((visibility("hidden"))) void* _Block_copy(const void* block);
__attribute__((visibility("hidden"))) void _Block_release(const void* block);
__attribute__((visibility("hidden"))) void _Block_object_assign(void* to, const void* object,
                                                                int kind);
__attribute__((visibility("hidden"))) void _Block_object_dispose(const void* object, int kind);
}

namespace {

struct Descriptor {
  unsigned long reserved, size;
  void (*copy)(void* to, const void* from);  // these two where the block captures objects
  void (*dispose)(const void* block);
};

struct Block {
  void* isa;
  std::atomic<int> flags;
  int reserved;
  void (*invoke)();
  const Descriptor* descriptor;
};

enum Flags { count_mask = 0xffff, on_heap = 1 << 24, has_captures = 1 << 25, is_global = 1 << 28 };
enum Kinds { object_kind = 3, block_kind = 7 };

[[noreturn]] void unsupported() {
  std::fputs("stand-in: __block variables are not supported\n", stderr);
  std::abort();
}

}  // namespace

void* _Block_copy(const void* block) {
  auto* from = static_cast<Block*>(const_cast<void*>(block));
  if (!from || from->flags & is_global) return from;
  if (from->flags & on_heap) {
    ++from->flags;
    return from;
  }
  auto* to = static_cast<Block*>(std::malloc(from->descriptor->size));
  std::memcpy(static_cast<void*>(to), block, from->descriptor->size);
  to->isa = _NSConcreteMallocBlock;
  to->flags = (from->flags & ~count_mask) | on_heap | 1;
  if (from->flags & has_captures) from->descriptor->copy(to, from);
  return to;
}

void _Block_release(const void* block) {
  auto* b = static_cast<Block*>(const_cast<void*>(block));
  if (!b || !(b->flags & on_heap) || (--b->flags & count_mask) != 0) return;
  if (b->flags & has_captures) b->descriptor->dispose(b);
  std::free(b);
}

void _Block_object_assign(void* to, const void* object, int kind) {
  if (kind == block_kind)
    *static_cast<void**>(to) = _Block_copy(object);
  else if (kind == object_kind)
    *static_cast<id*>(to) = [(id)object retain];
  else
    unsupported();
}

void _Block_object_dispose(const void* object, int kind) {
  if (kind == block_kind)
    _Block_release(object);
  else if (kind == object_kind)
    [(id)object release];
  else
    unsupported();
}

#define BLOCK_METHODS                 \
  -(id)copyWithZone : (NSZone*)zone { \
    return (id)_Block_copy(self);     \
  }                                   \
  -(id)copy {                         \
    return (id)_Block_copy(self);     \
  }                                   \
  -(id)retain {                       \
    return (id)_Block_copy(self);     \
  }                                   \
  -(oneway void)release {             \
    _Block_release(self);             \
  }

@implementation StandInStackBlock
BLOCK_METHODS
@end
@implementation StandInHeapBlock
BLOCK_METHODS
@end
@implementation StandInGlobalBlock
BLOCK_METHODS
@end
