/*
 * A client that reads slowly (a pager, a suspended terminal) must not hold up the container, and
 * must not miss output either. So what its socket does not take goes into a file of the bundle's
 * filesystem that has no name, and comes back from there when it reads on.
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

int spool_put(struct spool *spool, int directory_fd, const struct iovec *pieces, int count)
{
    struct iovec all[4];
    uint32_t size = 0;
    if (count > 3) {
        errno = EINVAL;
        return -1;
    }
    for (int i = 0; i < count; i++) {
        all[i + 1] = pieces[i];
        size += (uint32_t)pieces[i].iov_len;
    }
    all[0] = (struct iovec){.iov_base = &size, .iov_len = sizeof(size)};
    if (spool->fd < 0 && (spool->fd = make_file(directory_fd)) < 0)
        return -1;
    ssize_t wanted = (ssize_t)(sizeof(size) + size);
    ssize_t written = pwritev(spool->fd, all, count + 1, spool->tail);
    if (written != wanted) {
        if (written >= 0)
            errno = ENOSPC;
        return -1;
    }
    spool->tail += wanted;
    return 0;
}

ssize_t spool_peek(const struct spool *spool, unsigned char *frame, size_t size)
{
    if (spool_empty(spool))
        return 0;
    uint32_t length;
    struct iovec parts[2] = {{&length, sizeof(length)}, {frame, size}};
    ssize_t count = preadv(spool->fd, parts, 2, spool->head);
    if (count < (ssize_t)sizeof(length) || length > size ||
        count - (ssize_t)sizeof(length) < (ssize_t)length) {
        if (count >= 0)
            errno = EIO;
        return -1;
    }
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
