/*
 * There is one monitor for each container, idle for most of its life. The pages of our program file
 * that starting up has mapped are let go; those the loop needs come back from the page cache.
 */
#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

extern const char __executable_start[], etext[]; /* set by the linker */

void memory_release_code(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)__executable_start / page * page;
    uintptr_t end = ((uintptr_t)etext + page - 1) / page * page;
    /* Private, never written: dropping the pages cannot lose anything. A refusal does not matter. */
    madvise((void *)start, end - start, MADV_DONTNEED);
}
