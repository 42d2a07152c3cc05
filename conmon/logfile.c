/*
 * Writing, limits, rotation. All renames happen relative to the directory opened at the start, so
 * that a directory swapped for a link later leads nowhere. Rotation: PATH.N-1 -> PATH.N, … PATH ->
 * PATH.1, new PATH. Without --log-rotate a file at its limit is replaced by an empty one.
 */
#include "logfile.h"

#include "diag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_SIZE (64 * 1024)
#define LARGE_PIECE (8 * 1024)
#define LOG_MODE 0640

static bool inside(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    if (length == 1 && directory[0] == '/')
        return true;
    return strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static void check_allowlist(struct conmon *c, const char *directory)
{
    const struct string_list *allowed = &c->options.log_allowlist;
    if (allowed->count == 0)
        return;
    char real[PATH_MAX], permitted[PATH_MAX];
    if (realpath(directory, real) == NULL)
        fail_errno(c, "Failed to open log file directory %s", directory);
    for (size_t i = 0; i < allowed->count; i++) {
        if (realpath(allowed->items[i], permitted) == NULL)
            warn(c, "Invalid allowlist directory %s: %s", allowed->items[i], strerror(errno));
        else if (inside(real, permitted))
            return;
    }
    fail(c, "Log file directory %s is not in a --log-allowlist-dir", real);
}

static int open_log(const struct logfile *file, int extra)
{
    return openat(file->dir_fd, file->name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | extra, LOG_MODE);
}

static void measure(struct conmon *c, struct logfile *file)
{
    struct stat status;
    file->size = 0;
    if (fstat(file->fd, &status) == 0)
        file->size = status.st_size;
    else
        warn(c, "Could not stat log file %s, assuming 0 size", file->path);
}

void logfile_open(struct conmon *c, struct logfile *file)
{
    file->size_max = c->options.log_size_max;
    file->total_max = c->options.log_global_size_max;
    file->rotate = c->options.log_rotate;
    file->keep = c->options.log_max_files;
    char *slash = strrchr(file->path, '/');
    char *directory = slash == NULL ? strdup(".")
                      : slash == file->path ? strdup("/")
                                            : strndup(file->path, (size_t)(slash - file->path));
    file->name = slash == NULL ? file->path : slash + 1;
    file->buffer = malloc(BUFFER_SIZE);
    if (directory == NULL || file->buffer == NULL)
        fail(c, "no memory for log file %s", file->path);
    check_allowlist(c, directory);
    file->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file->dir_fd < 0)
        file->dir_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    file->fd = file->dir_fd < 0 ? -1 : open_log(file, O_NOCTTY);
    if (file->fd < 0)
        fail_errno(c, "Failed to open log file %s", file->path);
    free(directory);
    measure(c, file);
    file->total = file->size;
}

/* How many of the first `written` bytes of the pieces come after their last newline. */
static size_t torn_tail(const struct iovec *pieces, int count, size_t written)
{
    size_t tail = 0;
    for (int i = 0; i < count && written > 0; i++) {
        size_t part = written < pieces[i].iov_len ? written : pieces[i].iov_len;
        const char *base = pieces[i].iov_base, *newline = memrchr(base, '\n', part);
        tail = newline ? part - (size_t)(newline - base) - 1 : tail + part;
        written -= part;
    }
    return tail;
}

static void write_failed(struct conmon *c, struct logfile *file, size_t lost, size_t torn)
{
    if (file->lost == 0)
        warn(c, "Failed to write to log file %s: %s", file->path, strerror(errno));
    file->lost += lost;
    /* A full disk must not leave half a record for the next one to be glued to. */
    struct stat status;
    if (torn > 0 && fstat(file->fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size >= (off_t)torn && ftruncate(file->fd, status.st_size - (off_t)torn) < 0)
        debug(c, "%s: cannot take back half a record", file->path);
}

/* Puts the pieces, at most two, at the end of the file; what does not fit is lost in whole records. */
static void write_pieces(struct conmon *c, struct logfile *file, const struct iovec *pieces, int count)
{
    size_t wanted = 0, written = 0;
    for (int i = 0; i < count; i++)
        wanted += pieces[i].iov_len;
    file->dirty = true;
    while (written < wanted) {
        struct iovec rest[2];
        size_t skip = written;
        int used = 0;
        for (int i = 0; i < count; i++) {
            if (skip >= pieces[i].iov_len) {
                skip -= pieces[i].iov_len;
                continue;
            }
            rest[used].iov_base = (char *)pieces[i].iov_base + skip;
            rest[used++].iov_len = pieces[i].iov_len - skip;
            skip = 0;
        }
        ssize_t now = writev(file->fd, rest, used);
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0) {
            write_failed(c, file, wanted - written, torn_tail(pieces, count, written));
            return;
        }
        written += (size_t)now;
    }
    if (file->lost > 0)
        warn(c, "%s: writing again; %llu bytes were lost", file->path, (unsigned long long)file->lost);
    file->lost = 0;
}

void logfile_flush(struct conmon *c, struct logfile *file)
{
    struct iovec piece = {file->buffer, file->used};
    file->used = 0;
    if (piece.iov_len > 0)
        write_pieces(c, file, &piece, 1);
}

void logfile_put(struct conmon *c, struct logfile *file, const void *data, size_t size)
{
    if (size >= LARGE_PIECE) {
        struct iovec pieces[2] = {{file->buffer, file->used}, {(void *)data, size}};
        file->used = 0;
        write_pieces(c, file, pieces, 2);
        return;
    }
    if (file->used + size > BUFFER_SIZE)
        logfile_flush(c, file);
    memcpy(file->buffer + file->used, data, size);
    file->used += size;
}

/* Moves the numbered files up by one; what was PATH.keep goes. */
static void shift_backups(struct conmon *c, struct logfile *file)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    /* Only as far as there are files: --log-max-files may be huge. */
    int last = 1;
    for (; last < file->keep; last++) {
        snprintf(from, sizeof(from), "%s.%d", file->name, last);
        if (faccessat(file->dir_fd, from, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            break;
    }
    for (int i = last; i >= 2; i--) {
        snprintf(from, sizeof(from), "%s.%d", file->name, i - 1);
        snprintf(to, sizeof(to), "%s.%d", file->name, i);
        if (renameat(file->dir_fd, from, file->dir_fd, to) < 0 && errno != ENOENT)
            warn(c, "Failed to shift backup file %s to %s: %s", from, to, strerror(errno));
    }
}

static void use(struct logfile *file, int fd)
{
    close(file->fd);
    file->fd = fd;
    file->size = 0;
}

static void rotate(struct conmon *c, struct logfile *file)
{
    char backup[NAME_MAX + 1];
    snprintf(backup, sizeof(backup), "%s.1", file->name);
    shift_backups(c, file);
    if (renameat(file->dir_fd, file->name, file->dir_fd, backup) < 0 && errno != ENOENT) {
        warn(c, "Failed to rotate log file %s: %s", file->path, strerror(errno));
        return;
    }
    int fd = open_log(file, O_EXCL | O_NOFOLLOW);
    if (fd < 0) {
        warn(c, "Failed to create new log file %s: %s", file->path, strerror(errno));
        /* Nothing may be lost: go on with the old one under its old name. */
        renameat(file->dir_fd, backup, file->dir_fd, file->name);
        return;
    }
    use(file, fd);
}

static void replace(struct conmon *c, struct logfile *file)
{
    char beside[NAME_MAX + 1];
    snprintf(beside, sizeof(beside), "%s.tmp", file->name);
    int fd = openat(file->dir_fd, beside, O_WRONLY | O_APPEND | O_TRUNC | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                    LOG_MODE);
    if (fd < 0) {
        warn(c, "Failed to open log file %s.tmp: %s", file->path, strerror(errno));
        return;
    }
    if (renameat(file->dir_fd, beside, file->dir_fd, file->name) < 0) {
        warn(c, "Failed to rename log file %s.tmp: %s", file->path, strerror(errno));
        close(fd);
        unlinkat(file->dir_fd, beside, 0);
        return;
    }
    use(file, fd);
}

bool logfile_begin(struct conmon *c, struct logfile *file, size_t record_size)
{
    if (file->total_max > 0 && file->total >= file->total_max)
        return false;
    if (file->size_max > 0 && file->size + (int64_t)record_size > file->size_max) {
        logfile_flush(c, file);
        if (!file->rotate)
            replace(c, file);
        else if (file->size > 0)
            rotate(c, file);
    }
    file->size += (int64_t)record_size;
    file->total += (int64_t)record_size;
    return true;
}

/* After a rename by somebody else the new file is made; a file still in place is gone on with. */
void logfile_reopen(struct conmon *c, struct logfile *file)
{
    logfile_flush(c, file);
    if (file->rotate) {
        rotate(c, file);
        return;
    }
    int fd = open_log(file, O_NOCTTY);
    if (fd < 0) {
        warn(c, "Failed to open log file %s: %s", file->path, strerror(errno));
        return;
    }
    use(file, fd);
    measure(c, file);
}

void logfile_close(struct conmon *c, struct logfile *file, bool sync)
{
    if (file->fd < 0)
        return;
    logfile_flush(c, file);
    if (sync && file->dirty && fsync(file->fd) < 0 && errno != EINVAL && errno != EROFS)
        warn(c, "Failed to sync log file before exit: %s", strerror(errno));
    close(file->fd);
    close(file->dir_fd);
    file->fd = file->dir_fd = -1;
    free(file->buffer);
    file->buffer = NULL;
}
