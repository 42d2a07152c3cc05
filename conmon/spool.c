/*
 * A client that reads slowly (a pager, a suspended terminal) must not hold up the container, and
 * must not miss output either. So what its socket does not take goes into a file of the bundle's
 * filesystem that has no name, and comes back from there when it reads on. The file is written round and
 * round, so a client that is always a little behind takes no more than one that is far behind.
 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool spool_empty(const struct spool *spool)
{
    return spool->head == spool->tail;
}

int64_t spool_size(const struct spool *spool)
{
    return spool->tail - spool->head;
}

static int make_file(int directory_fd)
{
    int fd = -1;
    if (directory_fd >= 0)
        fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    /* Not every filesystem has O_TMPFILE. */
    if (fd < 0)
        fd = memfd_create("conmon-spool", MFD_CLOEXEC);
    return fd;
}

/* Reads or writes `size` bytes at `position` of the endless stream, which goes round in the file. */
static int transfer(const struct spool *spool, bool writing, unsigned char *data, size_t size, int64_t position)
{
    while (size > 0) {
        int64_t place = position % SPOOL_FILE_MAX;
        size_t part = size;
        if (place + (int64_t)part > SPOOL_FILE_MAX)
            part = (size_t)(SPOOL_FILE_MAX - place);
        ssize_t count = writing ? pwrite(spool->fd, data, part, place) : pread(spool->fd, data, part, place);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            if (count == 0)
                errno = writing ? ENOSPC : EIO;
            return -1;
        }
        data += count;
        size -= (size_t)count;
        position += count;
    }
    return 0;
}

int spool_put(struct spool *spool, int directory_fd, const struct iovec *pieces, int count)
{
    unsigned char record[sizeof(uint32_t) + SPOOL_FRAME_MAX];
    size_t used = sizeof(uint32_t);
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len > sizeof(record) - used) {
            errno = EMSGSIZE;
            return -1;
        }
        memcpy(record + used, pieces[i].iov_base, pieces[i].iov_len);
        used += pieces[i].iov_len;
    }
    uint32_t size = (uint32_t)(used - sizeof(uint32_t));
    memcpy(record, &size, sizeof(size));
    if (spool_size(spool) + (int64_t)used > SPOOL_FILE_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (spool->fd < 0 && (spool->fd = make_file(directory_fd)) < 0)
        return -1;
    if (transfer(spool, true, record, used, spool->tail) < 0)
        return -1;
    spool->tail += (int64_t)used;
    return 0;
}

ssize_t spool_peek(const struct spool *spool, unsigned char *frame, size_t size)
{
    if (spool_empty(spool))
        return 0;
    uint32_t length;
    if (transfer(spool, false, (unsigned char *)&length, sizeof(length), spool->head) < 0)
        return -1;
    if (length > size) {
        errno = EIO;
        return -1;
    }
    if (transfer(spool, false, frame, length, spool->head + (int64_t)sizeof(length)) < 0)
        return -1;
    return (ssize_t)length;
}

void spool_drop(struct spool *spool, size_t frame_size)
{
    spool->head += (int64_t)(sizeof(uint32_t) + frame_size);
    if (spool->head == spool->tail && ftruncate(spool->fd, 0) == 0)
        spool->head = spool->tail = 0;
}

void spool_close(struct spool *spool)
{
    if (spool->fd >= 0)
        close(spool->fd);
    *spool = (struct spool){.fd = -1};
}
