/*
 * The spool against a model: frames of all sizes go in and come out in order for far longer than the file is
 * large. Built with a small SPOOL_MAX, so that it goes round many times.
 */
#include "spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STEPS 200000

static unsigned char byte_of(long frame, size_t position)
{
    return (unsigned char)(frame * 31 + (long)position * 7);
}

static size_t size_of(long frame)
{
    return 1 + (size_t)(frame * 2654435761U >> 7) % SPOOL_FRAME_MAX;
}

static void fail(const char *what, long frame)
{
    fprintf(stderr, "frame %ld: %s\n", frame, what);
    exit(1);
}

static void put(struct spool *spool, long frame)
{
    static unsigned char data[SPOOL_FRAME_MAX];
    size_t size = size_of(frame);
    for (size_t i = 0; i < size; i++)
        data[i] = byte_of(frame, i);
    struct iovec pieces[2] = {{data, 1}, {data + 1, size - 1}};
    if (spool_put(spool, -1, pieces, 2) < 0)
        fail("not taken", frame);
}

static void take(struct spool *spool, long frame)
{
    static unsigned char data[SPOOL_FRAME_MAX];
    ssize_t size = spool_peek(spool, data, sizeof(data));
    if (size != (ssize_t)size_of(frame))
        fail("another size", frame);
    for (ssize_t i = 0; i < size; i++)
        if (data[i] != byte_of(frame, (size_t)i))
            fail("other bytes", frame);
    spool_drop(spool, (size_t)size);
}

int main(void)
{
    struct spool spool = {.fd = -1};
    long in = 0, out = 0;
    for (long step = 0; step < STEPS; step++) {
        /* Never empty for most of the time: otherwise the file would start anew. */
        if (spool_size(&spool) < SPOOL_MAX && (step % 97 != 0 || in == out))
            put(&spool, in++);
        else
            take(&spool, out++);
        if (step % 50000 == 49999)
            while (out < in)
                take(&spool, out++);
    }
    while (out < in)
        take(&spool, out++);
    struct stat status;
    for (; spool_size(&spool) + (int64_t)sizeof(uint32_t) + (int64_t)size_of(in) <= SPOOL_FILE_MAX; in++)
        put(&spool, in);
    if (fstat(spool.fd, &status) < 0 || status.st_size > SPOOL_FILE_MAX)
        fail("the file outgrew its limit", in);
    unsigned char large[SPOOL_FRAME_MAX + 1] = {0};
    struct iovec piece = {large, size_of(in)};
    if (spool_put(&spool, -1, &piece, 1) == 0)
        fail("taken beyond the limit", in);
    piece.iov_len = sizeof(large);
    if (spool_put(&spool, -1, &piece, 1) == 0)
        fail("taken though larger than a frame", in);
    while (out < in)
        take(&spool, out++);
    spool_close(&spool);
    printf("%ld frames\n", in);
    return 0;
}
