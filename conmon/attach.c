/*
 * Attach clients. Each sees all output from the moment it connects and may feed stdin. Output its
 * socket does not take is spooled (spool.c); input the container does not take stays with the
 * client, which is not read from meanwhile. A client that hangs up is forgotten as soon as what it had
 * sent is delivered.
 */
#include "attach.h"

#include "attach_client.h"
#include "diag.h"
#include "loop.h"
#include "socket.h"
#include "spool.h"
#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BACKLOG 128
#define ACCEPT_RETRY_MS 500
#define LAG_CHECK_MS 1000
#define FRAMES_PER_EVENT 256
#define LAG_LIMIT_MS 10000   /* congested and nothing taken for so long: given up */
#define LINGER_LIMIT_MS 60000 /* the same after the container's end */

static void on_client(struct conmon *c, struct source *source, uint32_t events);
static void check_lag(struct conmon *c);

bool client_has_pending(const struct client *client)
{
    return client->pending_start < client->pending_end;
}

static uint32_t wanted_events(const struct client *client)
{
    uint32_t events = 0;
    if (client->reading && !client_has_pending(client))
        events |= EPOLLIN;
    if (!spool_empty(&client->spool))
        events |= EPOLLOUT;
    return events;
}

void client_rewatch(struct conmon *c, struct client *client)
{
    /* Once watched, changing the events needs no memory and cannot fail. */
    if (!client->freed && client->source.watched)
        loop_watch(c, &client->source, wanted_events(client));
}

/*
 * Closing one client may end stdin, which may let go of others, so a client is freed only when
 * nobody is walking the list: between the outermost clients_enter() and clients_leave() it is merely marked.
 */
void clients_enter(struct conmon *c)
{
    c->client_walks++;
}

void clients_leave(struct conmon *c)
{
    if (--c->client_walks > 0)
        return;
    for (struct client **link = &c->clients; *link != NULL;) {
        struct client *client = *link;
        if (!client->freed) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        free(client->pending);
        free(client);
    }
    if (c->paused && !attach_congested(c))
        streams_resume(c);
    if (c->phase == PHASE_END && c->clients == NULL)
        c->stop = true;
}

static void forget(struct conmon *c, struct client *client)
{
    debug(c, "closing attach client %d", client->source.fd);
    loop_close(c, &client->source);
    spool_close(&client->spool);
    client->freed = true;
}

void client_forget_if_done(struct conmon *c, struct client *client)
{
    if (client->deaf && !client->reading && !client_has_pending(client) && !client->freed)
        forget(c, client);
}

/* The client takes no more output; it may still send. */
static void stop_output(struct conmon *c, struct client *client)
{
    client->deaf = true;
    spool_close(&client->spool);
    if (client->reading)
        client_rewatch(c, client);
    client_forget_if_done(c, client);
}

/* The client is thrown out, with what it may still have to say. */
void client_expel(struct conmon *c, struct client *client)
{
    bool was_reading = client->reading;
    client->reading = false;
    client->pending_start = client->pending_end = 0;
    forget(c, client);
    if (was_reading)
        input_ended(c);
}

/* Sends one frame. Returns 1: taken; 0: not now; -1: the client takes nothing any more. */
static int send_frame(struct client *client, const struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
    ssize_t sent;
    do
        sent = sendmsg(client->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        client->progress_ms = 0;
        return 1;
    }
    return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
}

/* Returns -1 when the client is of no use any more. */
static int offer(struct conmon *c, struct client *client, int stream, const unsigned char *data,
                 size_t size)
{
    unsigned char number = (unsigned char)stream;
    while (size > 0) {
        size_t part = size < ATTACH_PAYLOAD_MAX ? size : ATTACH_PAYLOAD_MAX;
        struct iovec pieces[2] = {{&number, 1}, {(void *)data, part}};
        int taken = spool_empty(&client->spool) ? send_frame(client, pieces, 2) : 0;
        if (taken < 0)
            return -1;
        if (taken == 0) {
            bool first = spool_empty(&client->spool);
            if (spool_put(&client->spool, c->bundle_fd, pieces, 2) < 0) {
                warn(c, "attach client %d is too slow and cannot be spooled: %s", client->source.fd,
                     strerror(errno));
                return -1;
            }
            if (first)
                client_rewatch(c, client);
        }
        data += part;
        size -= part;
    }
    return 0;
}

void attach_broadcast(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    clients_enter(c);
    for (struct client *client = c->clients; client != NULL; client = client->next)
        if (!client->deaf && !client->freed && offer(c, client, stream, data, size) < 0)
            stop_output(c, client);
    clients_leave(c);
}

static void flush_spool(struct conmon *c, struct client *client)
{
    unsigned char frame[1 + ATTACH_PAYLOAD_MAX];
    /* A client that reads as fast as we write must not keep us from everything else. */
    for (int i = 0; !spool_empty(&client->spool); i++) {
        if (i == FRAMES_PER_EVENT)
            return;
        ssize_t size = spool_peek(&client->spool, frame, sizeof(frame));
        if (size < 0)
            warn(c, "reading back output for attach client %d: %s", client->source.fd, strerror(errno));
        struct iovec piece = {frame, (size_t)size};
        int taken = size < 0 ? -1 : send_frame(client, &piece, 1);
        if (taken < 0) {
            stop_output(c, client);
            return;
        }
        if (taken == 0)
            return;
        spool_drop(&client->spool, (size_t)size);
    }
    if (c->phase == PHASE_END)
        forget(c, client);
    else
        client_rewatch(c, client);
}

bool attach_congested(struct conmon *c)
{
    for (const struct client *client = c->clients; client != NULL; client = client->next)
        if (spool_size(&client->spool) >= SPOOL_MAX) {
            if (c->timers[TIMER_LAG].deadline_ms == 0)
                timer_start(c, TIMER_LAG, LAG_CHECK_MS, check_lag);
            return true;
        }
    return false;
}

static void check_lag(struct conmon *c)
{
    int64_t now = now_ms();
    int64_t limit = c->phase == PHASE_END ? LINGER_LIMIT_MS : LAG_LIMIT_MS;
    clients_enter(c);
    for (struct client *client = c->clients; client != NULL; client = client->next) {
        if (client->freed || client->deaf)
            continue;
        if (c->phase != PHASE_END && spool_size(&client->spool) < SPOOL_MAX)
            continue;
        if (client->progress_ms == 0) {
            client->progress_ms = now;
        } else if (now - client->progress_ms >= limit) {
            warn(c, "attach client %d takes no output: closing it", client->source.fd);
            client_expel(c, client);
        }
    }
    clients_leave(c);
    if (c->clients != NULL && (c->phase == PHASE_END || attach_congested(c)))
        timer_start(c, TIMER_LAG, LAG_CHECK_MS, check_lag);
}

static void hung_up(struct conmon *c, struct client *client)
{
    bool was_reading = client->reading;
    if (was_reading)
        input_keep_rest(c, client);
    loop_close(c, &client->source); /* it would be ready for ever */
    spool_close(&client->spool);
    client->deaf = true;
    client->reading = false;
    if (was_reading)
        input_ended(c);
    if (client_has_pending(client))
        attach_flush_stdin(c);
    client_forget_if_done(c, client);
}

static void on_client(struct conmon *c, struct source *source, uint32_t events)
{
    /* the source is the first member */
    struct client *client = (struct client *)source;
    clients_enter(c);
    if ((events & EPOLLIN) != 0 && client->reading && !client_has_pending(client))
        input_take(c, client);
    else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
        hung_up(c, client);
    else if ((events & EPOLLOUT) != 0)
        flush_spool(c, client);
    clients_leave(c);
}

static void accept_again(struct conmon *c)
{
    if (c->listener.fd >= 0)
        loop_watch(c, &c->listener, EPOLLIN);
}

/* False when nobody (more) is waiting. */
static bool accept_one(struct conmon *c, struct source *source)
{
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client = fd < 0 ? NULL : calloc(1, sizeof(*client));
    if (client == NULL) {
        if (fd >= 0)
            close(fd);
        else if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
            return false;
        warn(c, "Failed to accept client connection on attach socket: %s", strerror(errno));
        /* Out of descriptors or memory: the connection stays ready, so wait before trying again. */
        loop_unwatch(c, source);
        timer_start(c, TIMER_ACCEPT, ACCEPT_RETRY_MS, accept_again);
        return false;
    }
    client->source = (struct source){.fd = fd, .ready = on_client};
    client->spool.fd = -1;
    client->reading = true;
    if (!loop_try_watch(c, &client->source, EPOLLIN)) {
        warn(c, "Failed to watch attach client %d: %s", fd, strerror(errno));
        close(fd);
        free(client);
        return false;
    }
    client->next = c->clients;
    c->clients = client;
    debug(c, "accepted attach client %d", fd);
    return true;
}

static void on_connection(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    accept_one(c, source);
}

void attach_accept_waiting(struct conmon *c)
{
    while (c->listener.watched && accept_one(c, &c->listener))
        continue;
}

void attach_open(struct conmon *c)
{
    socket_open_bundle(c);
    socket_link_bundle(c);
    c->listener.fd = socket_bind_in_bundle(c, SOCK_SEQPACKET, ATTACH_SOCKET_NAME, 0700);
    c->attach_bound = true;
    if (listen(c->listener.fd, BACKLOG) < 0)
        fail_errno(c, "Failed to listen on attach socket: %s/%s", c->options.bundle, ATTACH_SOCKET_NAME);
    c->listener.ready = on_connection;
    loop_watch(c, &c->listener, EPOLLIN);
}

void attach_finish(struct conmon *c)
{
    loop_close(c, &c->listener);
    timer_cancel(c, TIMER_ACCEPT);
    clients_enter(c);
    for (struct client *client = c->clients; client != NULL; client = client->next) {
        client->reading = false;
        client->pending_start = client->pending_end = 0;
        client->progress_ms = 0;
        if (client->deaf || spool_empty(&client->spool))
            forget(c, client);
        else
            client_rewatch(c, client);
    }
    clients_leave(c);
    if (c->clients != NULL)
        timer_start(c, TIMER_LAG, LAG_CHECK_MS, check_lag);
}
