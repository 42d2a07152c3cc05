/* Small files: read whole, replaced whole; and paths put together. */
#ifndef CONMON_FILES_H
#define CONMON_FILES_H

#include <stddef.h>
#include <sys/types.h>

/* "directory/name" in new memory; NULL without memory. */
char *path_join(const char *directory, const char *name);
/* Reads at most size - 1 bytes, ends them with NUL. Returns their number or -1. */
ssize_t file_read(const char *path, char *text, size_t size);
/* Replaces the file by rename(2), mode 0644 as the umask allows. Returns 0 or -1 with errno. */
int file_replace(const char *path, const char *data, size_t size);
/* Writes into a file that is there (/proc, /sys). Returns 0 or -1 with errno. */
int file_write_existing(const char *path, const char *text);

#endif
