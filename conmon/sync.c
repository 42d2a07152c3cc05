/*
 * _OCI_SYNCPIPE, _OCI_STARTPIPE, _OCI_ATTACHPIPE and our _OCI_OWNERPIPE. Messages are smaller than
 * a pipe's buffer, but a parent may hand us a full or non-blocking pipe, so writes go on until done.
 */
#include "sync.h"

#include "diag.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int adopt(struct conmon *c, const char *name)
{
    const char *text = getenv(name);
    if (text == NULL)
        return -1;
    char *end;
    errno = 0;
    long fd = strtol(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || fd < 0 || fd > 1 << 20)
        fail(c, "unable to parse %s: \"%.40s\"", name, text);
    if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
        fail_errno(c, "unable to make %s CLOEXEC", name);
    return (int)fd;
}

void sync_adopt(struct conmon *c)
{
    c->sync_fd = adopt(c, ENV_SYNC_PIPE);
    c->start_fd = adopt(c, ENV_START_PIPE);
    c->attach_fd = adopt(c, ENV_ATTACH_PIPE);
    c->owner_fd = adopt(c, ENV_OWNER_PIPE);
}

void sync_wait_start(struct conmon *c)
{
    char buffer[512];
    ssize_t count;
    do
        count = read(c->start_fd, buffer, sizeof(buffer));
    while (count < 0 && errno == EINTR);
    if (count < 0)
        fail_errno(c, "start-pipe read failed");
}

static int write_message(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t count = write(fd, data, length);
        if (count < 0 && errno == EAGAIN) {
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            poll(&writable, 1, 1000);
            continue;
        }
        if (count < 0 && errno != EINTR)
            return -1;
        if (count > 0) {
            data += count;
            length -= (size_t)count;
        }
    }
    return 0;
}

void sync_report(struct conmon *c, int *fd, int number, const char *message)
{
    if (*fd < 0)
        return;
    const char *key = c->options.api_version ? SYNC_KEY_DATA
                      : c->options.exec      ? SYNC_KEY_EXIT_CODE
                                             : SYNC_KEY_PID;
    char line[16384];
    size_t used = (size_t)snprintf(line, sizeof(line), "{\"%s\": %d", key, number);
    if (message != NULL && *message != '\0') {
        used += (size_t)snprintf(line + used, sizeof(line) - used, ", \"%s\": \"", SYNC_KEY_MESSAGE);
        used += json_escape(line + used, sizeof(line) - used - 4, message, strlen(message));
        line[used++] = '"';
    }
    line[used++] = '}';
    line[used++] = '\n';
    if (write_message(*fd, line, used) < 0) {
        int reason = errno;
        close(*fd);
        *fd = -1;
        if (reason != EPIPE)
            warn(c, "Unable to send message to parent: %s", strerror(reason));
    }
}

void sync_report_failure(struct conmon *c, const char *message)
{
    if (c->attach_fd >= 0)
        sync_report(c, &c->attach_fd, SYNC_FAILED, message);
    if (!c->sync_done)
        sync_report(c, &c->sync_fd, SYNC_FAILED, message);
    c->sync_done = true;
}
