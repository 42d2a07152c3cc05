/*
 * There is one monitor for each container, idle for most of its life. Pages that only starting up has
 * touched are let go: those of the program file (they come back from the page cache when needed) and
 * those of the stack below the loop's frames.
 */
#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_USED_MAX (128 * 1024) /* deeper than any call of ours */
#define STACK_KEPT (4 * 1024)       /* this function's own frame, and madvise's */

extern const char __executable_start[], etext[]; /* set by the linker */

static void release(uintptr_t start, uintptr_t end)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    start = start / page * page;
    end = end / page * page;
    /* The range may have holes; what is mapped is let go all the same, and a refusal does not matter. */
    if (start < end)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

void memory_release_start(void)
{
    /* Private, never written: dropping these pages loses nothing. */
    release((uintptr_t)__executable_start, (uintptr_t)etext);
    /* Stacks grow down: below the current frame there is nothing alive. */
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    release(here - STACK_USED_MAX, here - STACK_KEPT);
}
