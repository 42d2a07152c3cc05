/*
 * One epoll instance; events are taken one at a time, so a callback may close any source, its own
 * too, without a stale event for it being around. epoll hands ready descriptors out in turn.
 */
#include "loop.h"

#include "diag.h"

#include <errno.h>
#include <limits.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void loop_open(struct conmon *c)
{
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll_fd < 0)
        fail_errno(c, "Failed to create epoll instance");
}

bool loop_try_watch(struct conmon *c, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(c->epoll_fd, source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event) < 0)
        return false;
    source->watched = true;
    return true;
}

void loop_watch(struct conmon *c, struct source *source, uint32_t events)
{
    if (!loop_try_watch(c, source, events))
        fail_errno(c, "Failed to watch descriptor %d", source->fd);
}

void loop_unwatch(struct conmon *c, struct source *source)
{
    if (!source->watched)
        return;
    epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->watched = false;
}

void loop_close(struct conmon *c, struct source *source)
{
    if (source->fd < 0)
        return;
    loop_unwatch(c, source);
    close(source->fd);
    source->fd = -1;
}

void timer_start(struct conmon *c, enum timer_id id, int64_t delay_ms, void (*expired)(struct conmon *))
{
    c->timers[id] = (struct timer){.deadline_ms = now_ms() + delay_ms, .expired = expired};
}

void timer_cancel(struct conmon *c, enum timer_id id)
{
    c->timers[id].deadline_ms = 0;
}

/* Runs what has expired; returns how long to sleep, -1 for ever. */
static int run_timers(struct conmon *c)
{
    int64_t next = INT64_MAX, now = 0;
    for (int i = 0; i < TIMER_COUNT; i++) {
        if (c->timers[i].deadline_ms == 0)
            continue;
        if (now == 0)
            now = now_ms();
        if (c->timers[i].deadline_ms <= now) {
            c->timers[i].deadline_ms = 0;
            c->timers[i].expired(c);
            return 0;
        }
        if (c->timers[i].deadline_ms < next)
            next = c->timers[i].deadline_ms;
    }
    if (next == INT64_MAX)
        return -1;
    return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}

void loop_run(struct conmon *c)
{
    c->stop = false;
    while (!c->stop) {
        int wait = run_timers(c);
        if (c->stop)
            break;
        struct epoll_event event;
        int count = epoll_wait(c->epoll_fd, &event, 1, wait);
        if (count < 0 && errno != EINTR)
            fail_errno(c, "Failed to wait for events");
        if (count == 1) {
            struct source *source = event.data.ptr;
            source->ready(c, source, event.events);
        }
    }
    c->stop = false;
}
