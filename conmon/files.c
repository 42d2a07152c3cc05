/*
 * Readers wait for exit files with inotify or by polling, and take what they find: so the text is
 * written beside, under a name they do not look for, and renamed.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path != NULL)
        snprintf(path, size, "%s/%s", directory, name);
    return path;
}

ssize_t file_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used < size - 1) {
        ssize_t count = read(fd, text + used, size - 1 - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            int reason = errno;
            close(fd);
            errno = reason;
            return -1;
        }
        if (count == 0)
            break;
        used += (size_t)count;
    }
    close(fd);
    text[used] = '\0';
    return (ssize_t)used;
}

static int write_whole(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return -1;
        data += count;
        size -= (size_t)count;
    }
    return 0;
}

int file_replace(const char *path, const char *data, size_t size)
{
    char beside[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path + 1) : 0;
    int length = snprintf(beside, sizeof(beside), "%.*s.%.100s.%d.tmp", directory, path,
                          path + directory, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return -1;
    if (write_whole(fd, data, size) == 0 && close(fd) == 0) {
        if (rename(beside, path) == 0)
            return 0;
    } else {
        int reason = errno;
        close(fd);
        errno = reason;
    }
    int reason = errno;
    unlink(beside);
    errno = reason;
    return -1;
}

int file_write_existing(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = write_whole(fd, text, strlen(text));
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}
