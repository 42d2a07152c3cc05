/*
 * What attach clients send for the container's stdin. What it does not take now stays with the client, which is
 * not read from meanwhile; what a client had sent before it hung up is kept for it.
 */
#include "attach.h"

#include "attach_client.h"
#include "diag.h"
#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LEFT_BEHIND_MAX (4 << 20)

/* No more stdin will come from this client; with -i that ends the container's stdin. */
void input_ended(struct conmon *c)
{
    if (!c->options.stdin_open)
        return;
    if (c->options.leave_stdin_open) {
        info(c, "Not closing input");
        return;
    }
    c->in_close_wanted = true;
    attach_flush_stdin(c);
}

/* A terminal that the runtime has not sent yet will take input later; a closed stdin will not. */
static bool stdin_expected(const struct conmon *c)
{
    return c->in.fd >= 0 || (c->options.terminal && c->phase == PHASE_CREATE);
}

void attach_discard_stdin(struct conmon *c)
{
    for (struct client *client = c->clients; client != NULL; client = client->next)
        client->pending_start = client->pending_end = 0;
}

void attach_flush_stdin(struct conmon *c)
{
    bool blocked = false;
    clients_enter(c);
    for (struct client *client = c->clients; client != NULL; client = client->next) {
        if (client->freed)
            continue;
        while (client_has_pending(client) && !blocked) {
            ssize_t count = stdin_write(c, client->pending + client->pending_start,
                                        client->pending_end - client->pending_start);
            if (count < 0 && c->in.fd < 0 && stdin_expected(c))
                blocked = true; /* until streams_adopt_terminal() */
            else if (count < 0)
                client->pending_start = client->pending_end;
            else if (count == 0)
                blocked = true;
            else
                client->pending_start += (size_t)count;
        }
        if (client_has_pending(client))
            continue;
        free(client->pending);
        client->pending = NULL;
        client->pending_start = client->pending_end = 0;
        client_rewatch(c, client);
        client_forget_if_done(c, client);
    }
    clients_leave(c);
    if (blocked)
        stdin_want_write(c, true);
    else if (c->in_close_wanted && c->in.fd >= 0)
        stdin_close(c);
    else
        stdin_want_write(c, false);
}

static void keep_pending(struct conmon *c, struct client *client, const unsigned char *data, size_t size)
{
    client->pending = malloc(size);
    if (client->pending == NULL) {
        warn(c, "no memory for input of attach client %d", client->source.fd);
        client_expel(c, client);
        return;
    }
    memcpy(client->pending, data, size);
    client->pending_start = 0;
    client->pending_end = size;
    client_rewatch(c, client);
    if (c->in.fd >= 0)
        stdin_want_write(c, true);
}

/* recv(2) into c->io. */
static ssize_t receive(struct conmon *c, struct client *client)
{
    ssize_t count;
    do /* ECONNRESET comes once, before what a client had sent that closed without reading all */
        count = recv(client->source.fd, c->io, sizeof(c->io), MSG_DONTWAIT);
    while (count < 0 && (errno == EINTR || errno == ECONNRESET));
    return count;
}

void input_take(struct conmon *c, struct client *client)
{
    ssize_t count = receive(c, client);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        client->reading = false;
        client_rewatch(c, client);
        input_ended(c);
        return;
    }
    size_t done = 0, size = (size_t)count;
    while (done < size) {
        count = stdin_write(c, c->io + done, size - done);
        if (count == 0 || (count < 0 && c->in.fd < 0 && stdin_expected(c))) {
            keep_pending(c, client, c->io + done, size - done);
            return;
        }
        if (count < 0)
            return; /* nobody reads stdin: what is sent to it is dropped */
        done += (size_t)count;
    }
}

/* Bytes kept for stdin from clients that are gone. */
static size_t left_behind(const struct conmon *c)
{
    size_t total = 0;
    for (const struct client *client = c->clients; client != NULL; client = client->next)
        if (client->source.fd < 0)
            total += client->pending_end - client->pending_start;
    return total;
}

/* Takes what a client had sent before it went, so that its descriptor need not wait for a container that does not read. */
void input_keep_rest(struct conmon *c, struct client *client)
{
    ssize_t count;
    while ((count = receive(c, client)) > 0) {
        size_t held = client->pending_end - client->pending_start, size = (size_t)count;
        unsigned char *all = left_behind(c) + held + size <= LEFT_BEHIND_MAX ? malloc(held + size) : NULL;
        if (all == NULL) {
            warn(c, "attach client %d: its last input is too much to keep", client->source.fd);
            return;
        }
        if (held > 0)
            memcpy(all, client->pending + client->pending_start, held);
        memcpy(all + held, c->io, size);
        free(client->pending);
        client->pending = all;
        client->pending_start = 0;
        client->pending_end = held + size;
    }
}
