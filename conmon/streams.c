/*
 * Output is read in large pieces without blocking, logged, then offered to attached clients. The
 * write ends are the container's alone, so O_NONBLOCK on ours is invisible to it.
 */
#include "streams.h"

#include "attach.h"
#include "diag.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READS_PER_EVENT 4
#define TTY_RETRY_MS 100
#define DRAIN_EXTRA (1 << 20)

static void set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void make_pipe(struct conmon *c, const char *name, int *reader, int *writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        fail_errno(c, "Failed to create %s pipe", name);
    *reader = ends[0];
    *writer = ends[1];
}

void streams_open(struct conmon *c)
{
    if (c->options.stdin_open && !c->options.terminal) {
        make_pipe(c, "stdin", &c->child_stdio[0], &c->in.fd);
        set_nonblocking(c->in.fd);
    } else {
        c->child_stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (!c->options.terminal)
        make_pipe(c, "stdout", &c->out.source.fd, &c->child_stdio[1]);
    else
        c->child_stdio[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (c->child_stdio[0] < 0 || c->child_stdio[1] < 0)
        fail_errno(c, "Failed to open /dev/null");
    /* With a terminal, too: the runtime complains here before there is one. */
    make_pipe(c, "stderr", &c->err.source.fd, &c->child_stdio[2]);
    if (c->out.source.fd >= 0)
        set_nonblocking(c->out.source.fd);
    set_nonblocking(c->err.source.fd);
}

static void keep_early(struct conmon *c, const unsigned char *data, size_t size)
{
    if (c->early == NULL)
        c->early = malloc(EARLY_MAX);
    if (c->early == NULL || c->early_size + size > EARLY_MAX) {
        /* A talkative runtime (--debug) must not fill the pipe and hang: let go of the start. */
        log_write(c, c->err.number, c->early, c->early_size);
        c->early_size = 0;
    }
    if (c->early == NULL) {
        log_write(c, c->err.number, data, size);
        return;
    }
    memcpy(c->early + c->early_size, data, size);
    c->early_size += size;
}

static void emit(struct conmon *c, struct stream *stream, const unsigned char *data, size_t size)
{
    log_write(c, stream->number, data, size);
    attach_accept_waiting(c);
    if (c->clients != NULL)
        attach_broadcast(c, stream->number, data, size);
}

/* Returns what read(2) gave; EAGAIN is -1, any end of the stream 0. */
static ssize_t take(struct conmon *c, struct stream *stream)
{
    ssize_t count;
    do
        count = read(stream->source.fd, c->io, sizeof(c->io));
    while (count < 0 && errno == EINTR);
    if (count > 0) {
        if (c->phase == PHASE_CREATE && stream == &c->err)
            keep_early(c, c->io, (size_t)count);
        else
            emit(c, stream, c->io, (size_t)count);
    } else if (count < 0 && errno != EAGAIN) {
        /* EIO is how a terminal says that nobody has it open */
        if (errno != EIO)
            warn(c, "Failed to read container output: %s", strerror(errno));
        return 0;
    }
    return count;
}

static void retry_terminal(struct conmon *c)
{
    if (c->out.waiting && !c->paused && c->out.source.fd >= 0) {
        c->out.waiting = false;
        loop_watch(c, &c->out.source, EPOLLIN);
    }
}

static void pause_streams(struct conmon *c)
{
    c->paused = true;
    loop_unwatch(c, &c->out.source);
    loop_unwatch(c, &c->err.source);
}

void streams_resume(struct conmon *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    if (c->phase == PHASE_END)
        return;
    if (c->out.source.fd >= 0)
        loop_watch(c, &c->out.source, EPOLLIN);
    if (c->err.source.fd >= 0)
        loop_watch(c, &c->err.source, EPOLLIN);
}

static void on_output(struct conmon *c, struct source *source, uint32_t events)
{
    struct stream *stream = source == &c->out.source ? &c->out : &c->err;
    (void)events;
    for (int i = 0; i < READS_PER_EVENT; i++) {
        ssize_t count = take(c, stream);
        if (count == 0) {
            if (!stream->terminal) {
                loop_close(c, source);
                return;
            }
            /* Nobody has the terminal open now, but somebody may open it again. */
            loop_unwatch(c, source);
            stream->waiting = true;
            timer_start(c, TIMER_TTY, TTY_RETRY_MS, retry_terminal);
            return;
        }
        if (attach_congested(c)) {
            pause_streams(c);
            return;
        }
        if (count < (ssize_t)sizeof(c->io) / 2)
            return;
    }
}

void streams_watch(struct conmon *c)
{
    c->out.source.ready = c->err.source.ready = on_output;
    if (c->out.source.fd >= 0)
        loop_watch(c, &c->out.source, EPOLLIN);
    if (c->err.source.fd >= 0)
        loop_watch(c, &c->err.source, EPOLLIN);
}

void streams_adopt_terminal(struct conmon *c, int master)
{
    set_nonblocking(master);
    c->in.fd = master;
    c->out.source.fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
    if (c->out.source.fd < 0)
        fail_errno(c, "Failed to dup console file descriptor");
    c->out.terminal = true;
    loop_watch(c, &c->out.source, EPOLLIN);
    attach_flush_stdin(c);
}

void streams_take_stderr(struct conmon *c)
{
    if (c->err.source.fd < 0)
        return;
    while (take(c, &c->err) > 0)
        ;
}

void streams_release_early(struct conmon *c)
{
    if (c->early_size > 0)
        emit(c, &c->err, c->early, c->early_size);
    free(c->early);
    c->early = NULL;
    c->early_size = 0;
}

void streams_drain(struct conmon *c)
{
    struct stream *streams[] = {&c->out, &c->err};
    for (int i = 0; i < 2; i++) {
        if (streams[i]->source.fd < 0)
            continue;
        /* Survivors (an exec's background jobs) may write for ever; take what was there, and some. */
        int there = 0;
        ioctl(streams[i]->source.fd, FIONREAD, &there);
        int64_t budget = (int64_t)there + DRAIN_EXTRA;
        ssize_t count;
        while (budget > 0 && (count = take(c, streams[i])) > 0)
            budget -= count;
        loop_close(c, &streams[i]->source);
    }
    log_flush_partial(c);
}

static void on_stdin(struct conmon *c, struct source *source, uint32_t events)
{
    (void)source;
    /* A hung-up terminal is never writable and always ready: do not spin on it. */
    if (c->out.terminal && (events & EPOLLHUP) != 0)
        attach_discard_stdin(c);
    attach_flush_stdin(c);
}

ssize_t stdin_write(struct conmon *c, const unsigned char *data, size_t size)
{
    if (c->in.fd < 0)
        return -1;
    ssize_t count;
    do
        count = write(c->in.fd, data, size);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count < 0) {
        debug(c, "container takes no more stdin: %s", strerror(errno));
        if (!c->out.terminal)
            stdin_close(c);
    }
    return count;
}

void stdin_want_write(struct conmon *c, bool wanted)
{
    if (c->in.fd < 0)
        return;
    c->in.ready = on_stdin;
    if (wanted)
        loop_watch(c, &c->in, EPOLLOUT);
    else
        loop_unwatch(c, &c->in);
}

void stdin_close(struct conmon *c)
{
    loop_close(c, &c->in);
    c->in_close_wanted = false;
}
