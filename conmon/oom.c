/*
 * cgroup v2: memory.events counts oom and oom_kill, inotify says that it changed. v1: an eventfd
 * registered for memory.oom_control, which also fires when the cgroup is removed. What is found is
 * told by the mere existence of a file "oom".
 */
#include "oom.h"

#include "diag.h"
#include "files.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"
#define OWN_SCORE "-1000"

void oom_protect_self(struct conmon *c)
{
    char before[16];
    if (file_read("/proc/self/oom_score_adj", before, sizeof(before)) > 0 &&
        file_write_existing("/proc/self/oom_score_adj", OWN_SCORE) == 0)
        c->oom_score = strdup(before);
}

bool oom_cgroup_path(const char *text, const char *controller, char *path, size_t size)
{
    while (*text != '\0') {
        const char *end = strchrnul(text, '\n');
        const char *list = memchr(text, ':', (size_t)(end - text));
        const char *place = list ? memchr(list + 1, ':', (size_t)(end - list - 1)) : NULL;
        if (place != NULL) {
            size_t length = strlen(controller);
            bool found = length == 0 && place == list + 1 && text[0] == '0' && list == text + 1;
            for (const char *name = list + 1; length > 0 && name < place;) {
                const char *comma = memchr(name, ',', (size_t)(place - name));
                const char *stop = comma ? comma : place;
                found = found || ((size_t)(stop - name) == length && memcmp(name, controller, length) == 0);
                name = stop + 1;
            }
            if (found) {
                int count = length == 0
                    ? snprintf(path, size, "%s%.*s", CGROUP_ROOT, (int)(end - place - 1), place + 1)
                    : snprintf(path, size, "%s/%.*s%.*s", CGROUP_ROOT, (int)(place - list - 1), list + 1,
                               (int)(end - place - 1), place + 1);
                return count > 0 && (size_t)count < size;
            }
        }
        text = *end == '\0' ? end : end + 1;
    }
    return false;
}

static void make_file(struct conmon *c, const char *directory)
{
    if (directory == NULL || *directory == '\0')
        return;
    char *path = path_join(directory, OOM_FILE_NAME);
    int fd = path ? open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666) : -1;
    if (fd < 0)
        warn(c, "Failed to write oom file to the %s path: %s", directory, strerror(errno));
    else
        close(fd);
    free(path);
}

static void report(struct conmon *c)
{
    info(c, "OOM received");
    make_file(c, c->options.persist_dir);
    make_file(c, c->options.bundle);
}

/* Reads "oom N" and "oom_kill N" out of memory.events, or of version 1's memory.oom_control. */
static bool read_counters(struct conmon *c, const char *name, long counters[2])
{
    char path[PATH_MAX], text[1024];
    snprintf(path, sizeof(path), "%s/%s", c->oom_path, name);
    counters[0] = counters[1] = 0;
    if (file_read(path, text, sizeof(text)) < 0) {
        if (errno == ENOENT || errno == ENODEV)
            debug(c, "Cgroup appears to have been removed, stopping OOM monitoring");
        else
            warn(c, "Failed to read %s: %s", path, strerror(errno));
        return false;
    }
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "oom ", 4) == 0)
            counters[0] = strtol(line + 4, NULL, 10);
        else if (strncmp(line, "oom_kill ", 9) == 0)
            counters[1] = strtol(line + 9, NULL, 10);
    }
    return true;
}

static void compare_counters(struct conmon *c, const char *name)
{
    long now[2];
    if (!read_counters(c, name, now))
        return;
    if (now[0] > c->oom_seen[0] || now[1] > c->oom_seen[1])
        report(c);
    c->oom_seen[0] = now[0];
    c->oom_seen[1] = now[1];
}

static void on_memory_events(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    char buffer[sizeof(struct inotify_event) + NAME_MAX + 1] __attribute__((aligned(8)));
    bool gone = false;
    ssize_t count;
    while ((count = read(source->fd, buffer, sizeof(buffer))) > 0)
        gone = gone || (((struct inotify_event *)buffer)->mask & IN_IGNORED) != 0;
    if (gone)
        loop_close(c, source);
    else
        compare_counters(c, "memory.events");
}

static void watch_v2(struct conmon *c)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/memory.events", c->oom_path);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0) {
        diag(c, fd >= 0 && errno == ENOENT ? LEVEL_DEBUG : LEVEL_WARN, "Failed to watch %s: %s", path,
             strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    c->oom = (struct source){.fd = fd, .ready = on_memory_events};
    loop_watch(c, &c->oom, EPOLLIN);
    read_counters(c, "memory.events", c->oom_seen);
}

static void on_eventfd(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    uint64_t count;
    if (read(source->fd, &count, sizeof(count)) != sizeof(count))
        return;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/cgroup.event_control", c->oom_path);
    /* Removing the cgroup is an event, too: one more event than that means memory ran out. */
    if (count == 1 && access(path, F_OK) < 0) {
        debug(c, "Memory cgroup removal event received");
        loop_close(c, source);
        return;
    }
    report(c);
}

static void watch_v1(struct conmon *c)
{
    char path[PATH_MAX], request[64];
    snprintf(path, sizeof(path), "%s/memory.oom_control", c->oom_path);
    c->oom_control_fd = open(path, O_RDONLY | O_CLOEXEC);
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->oom_control_fd < 0 || fd < 0) {
        debug(c, "Failed to watch %s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    snprintf(path, sizeof(path), "%s/cgroup.event_control", c->oom_path);
    snprintf(request, sizeof(request), "%d %d", fd, c->oom_control_fd);
    if (file_write_existing(path, request) < 0) {
        /* PREEMPT_RT kernels lack this interface, users may lack the permission. */
        debug(c, "Failed to write to %s: %s", path, strerror(errno));
        close(fd);
        return;
    }
    c->oom = (struct source){.fd = fd, .ready = on_eventfd};
    loop_watch(c, &c->oom, EPOLLIN);
}

void oom_watch(struct conmon *c, pid_t pid)
{
    char name[64], text[4096], path[PATH_MAX];
    struct statfs status;
    bool v2 = statfs(CGROUP_ROOT, &status) == 0 && (unsigned long)status.f_type == CGROUP2_SUPER_MAGIC;
    snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
    if (file_read(name, text, sizeof(text)) < 0 ||
        !oom_cgroup_path(text, v2 ? "" : "memory", path, sizeof(path))) {
        debug(c, "Failed to get memory cgroup path of %d: no OOM reports", (int)pid);
        return;
    }
    c->oom_path = strdup(path);
    if (c->oom_path == NULL)
        return;
    if (v2)
        watch_v2(c);
    else
        watch_v1(c);
}

void oom_finish(struct conmon *c)
{
    if (c->oom.fd < 0)
        return;
    if (c->oom_control_fd >= 0)
        on_eventfd(c, &c->oom, 0);
    else
        compare_counters(c, "memory.events");
    loop_close(c, &c->oom);
    if (c->oom_control_fd >= 0)
        close(c->oom_control_fd);
    c->oom_control_fd = -1;
}
