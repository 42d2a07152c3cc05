/* Giving back memory that only the start needed. */
#ifndef CONMON_MEMORY_H
#define CONMON_MEMORY_H

void memory_release_start(void);

#endif
