/*
 * Fuzzer of the control FIFOs and of /proc/PID/cgroup: the input goes through the real FIFOs, in pieces whose
 * ends its own bytes decide, and what it sets must stay in range.
 */
#include "control.h"
#include "loop.h"
#include "oom.h"
#include "socket.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE "/tmp/conmon-fuzz-control"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void feed(struct conmon *c, struct source *source, int writer, const unsigned char *data, size_t size)
{
    while (size > 0) {
        size_t part = 1 + data[0] % 251;
        if (part > size)
            part = size;
        if (write(writer, data, part) != (ssize_t)part)
            abort();
        source->ready(c, source, EPOLLIN);
        data += part;
        size -= part;
    }
    if (c->rows < 0 || c->columns < 0 || c->rows > WINDOW_SIZE_MAX || c->columns > WINDOW_SIZE_MAX)
        abort();
}

static void through_fifos(const unsigned char *data, size_t size)
{
    static struct conmon c;
    memset(&c, 0, sizeof(c));
    c.log_level = -1;
    c.options.bundle = (char *)BUNDLE;
    c.bundle_fd = c.out.source.fd = -1;
    c.sync_fd = c.attach_fd = -1;
    mkdir(BUNDLE, 0700);
    loop_open(&c);
    socket_open_bundle(&c);
    control_open(&c);
    feed(&c, &c.ctl, c.ctl_writer, data, size);
    feed(&c, &c.winsz, c.winsz_writer, data, size);
    control_close(&c);
    close(c.bundle_fd);
    close(c.epoll_fd);
    /* a leaked descriptor would show as an ever higher number */
    int probe = dup(STDERR_FILENO);
    if (probe > 40)
        abort();
    close(probe);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    int type = -1, height = -1, width = -1;
    if (control_parse(text, &type, &height, &width) &&
        (type < CONTROL_RESIZE || type > CONTROL_HEALTH_RELOAD || height < 0 || width < 0 ||
         height > WINDOW_SIZE_MAX || width > WINDOW_SIZE_MAX))
        abort();
    if (winsz_parse(text, &height, &width) &&
        (height < 0 || width < 0 || height > WINDOW_SIZE_MAX || width > WINDOW_SIZE_MAX))
        abort();
    char path[PATH_MAX];
    oom_cgroup_path(text, "", path, sizeof(path));
    oom_cgroup_path(text, "memory", path, sizeof(path));
    free(text);
    through_fifos(data, size);
    return 0;
}
