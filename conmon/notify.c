/*
 * A container may tell the host's service manager that it is ready, and little else: MAINPID=,
 * FDSTORE=, WATCHDOG_USEC= and the like would let it act on the host, so only known lines pass.
 */
#include "notify.h"

#include "diag.h"
#include "loop.h"
#include "socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool may_pass(const char *line, size_t size)
{
    static const char *const whole[] = {"READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1",
                                        "WATCHDOG=trigger"};
    static const char *const prefix[] = {"STATUS=", "ERRNO=", "BUSERROR=", "MONOTONIC_USEC="};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (strlen(whole[i]) == size && memcmp(whole[i], line, size) == 0)
            return true;
    for (size_t i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++)
        if (size >= strlen(prefix[i]) && memcmp(prefix[i], line, strlen(prefix[i])) == 0)
            return true;
    return false;
}

size_t notify_filter(char *text, size_t size)
{
    size_t kept = 0, start = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '\n' && text[i] != '\r' && text[i] != '\0')
            continue;
        if (may_pass(text + start, i - start)) {
            if (kept > 0)
                text[kept++] = '\n';
            memmove(text + kept, text + start, i - start);
            kept += i - start;
        }
        start = i + 1;
    }
    return kept;
}

static void on_notification(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    ssize_t count = recv(source->fd, c->io, sizeof(c->io), MSG_DONTWAIT);
    if (count <= 0)
        return;
    size_t size = notify_filter((char *)c->io, (size_t)count);
    struct sockaddr_un address;
    socklen_t length = socket_address(&address, c->options.sdnotify_socket);
    if (size > 0 && sendto(c->notify_out, c->io, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                           (struct sockaddr *)&address, length) < 0)
        warn(c, "Failed to relay notification to %s: %s", c->options.sdnotify_socket, strerror(errno));
}

void notify_open(struct conmon *c)
{
    struct sockaddr_un address;
    if (socket_address(&address, c->options.sdnotify_socket) == 0)
        fail(c, "sdnotify-socket %.200s is not a socket address", c->options.sdnotify_socket);
    if (c->options.bundle == NULL)
        fail(c, "sdnotify-socket needs a bundle");
    c->notify_out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->notify_out < 0)
        fail_errno(c, "Failed to create notify socket");
    socket_open_bundle(c);
    /* Any user of the container may send. */
    c->notify.fd = socket_bind_in_bundle(c, SOCK_DGRAM, NOTIFY_SOCKET_NAME, 0777);
    c->notify.ready = on_notification;
    loop_watch(c, &c->notify, EPOLLIN);
}

void notify_close(struct conmon *c)
{
    /* A last STOPPING=1 may still be waiting. */
    if (c->notify.fd >= 0)
        on_notification(c, &c->notify, 0);
    loop_close(c, &c->notify);
    if (c->notify_out >= 0)
        close(c->notify_out);
    c->notify_out = -1;
}
