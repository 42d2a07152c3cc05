/* Frames an attach client has not taken yet, in order, in an unlinked file. */
#ifndef CONMON_SPOOL_H
#define CONMON_SPOOL_H

#include "conmon.h"

#include <sys/uio.h>

/* Bytes one client may lag behind before reading the container's output waits for it. */
#ifndef SPOOL_MAX
#define SPOOL_MAX (256LL << 20)
#endif
/* Room in the file: what is read after that, and once more at the container's end, must fit as well. */
#ifndef SPOOL_FILE_MAX
#define SPOOL_FILE_MAX (SPOOL_MAX + (16LL << 20))
#endif
#define SPOOL_FRAME_MAX (1 + ATTACH_PAYLOAD_MAX)

bool spool_empty(const struct spool *spool);
int64_t spool_size(const struct spool *spool);
/* Adds one frame made of the pieces. Returns 0, or -1 with errno (no space, no file). */
int spool_put(struct spool *spool, int directory_fd, const struct iovec *pieces, int count);
/* Copies the oldest frame without removing it. Returns its size, 0: none, -1 with errno. */
ssize_t spool_peek(const struct spool *spool, unsigned char *frame, size_t size);
void spool_drop(struct spool *spool, size_t frame_size);
void spool_close(struct spool *spool);

#endif
