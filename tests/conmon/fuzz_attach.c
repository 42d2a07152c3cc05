/*
 * Fuzzer of the attach server: the input is a program of what clients and container do – connect,
 * send, end input, read, hang up, output, a full stdin, the end – run on real sockets, one step at a time.
 */
#include "attach.h"
#include "loop.h"
#include "socket.h"
#include "streams.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENTS 6

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void settle(struct conmon *c)
{
    struct epoll_event event;
    for (int i = 0; i < 200 && epoll_wait(c->epoll_fd, &event, 1, 0) == 1; i++) {
        struct source *source = event.data.ptr;
        source->ready(c, source, event.events);
    }
}

static int connect_client(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    socklen_t length = socket_address(&address, "/tmp/conmon-fuzz/attach");
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void act(struct conmon *c, int *clients, int stdin_reader, unsigned char code, const unsigned char *data,
                size_t size)
{
    static unsigned char scratch[70000];
    int *client = &clients[(code >> 4) % CLIENTS];
    switch (code & 15) {
    case 0:
    case 1:
        if (*client < 0)
            *client = connect_client();
        break;
    case 2:
        if (*client >= 0)
            send(*client, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 3:
        if (*client >= 0)
            shutdown(*client, SHUT_WR);
        break;
    case 4:
        if (*client >= 0)
            shutdown(*client, SHUT_RD);
        break;
    case 5:
        if (*client >= 0)
            close(*client);
        *client = -1;
        break;
    case 6:
        while (*client >= 0 && recv(*client, scratch, sizeof(scratch), MSG_DONTWAIT) > 0)
            ;
        break;
    case 7:
        memset(c->io, code, sizeof(c->io));
        attach_broadcast(c, ATTACH_STREAM_STDOUT, c->io, sizeof(c->io));
        break;
    case 8:
        attach_broadcast(c, ATTACH_STREAM_STDERR, data, size);
        break;
    case 9:
        while (read(stdin_reader, scratch, sizeof(scratch)) > 0)
            ;
        break;
    case 10:
        if (*client >= 0)
            send(*client, scratch, 32768, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case 11:
        stdin_close(c);
        break;
    default:
        settle(c);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct conmon c;
    static int epoll_fd = -1;
    memset(&c, 0, sizeof(c));
    int *none[] = {&c.sync_fd, &c.start_fd, &c.attach_fd, &c.owner_fd, &c.out.source.fd, &c.err.source.fd,
                   &c.notify.fd, &c.ctl.fd, &c.winsz.fd, &c.listener.fd, &c.bundle_fd, &c.pidfd.fd};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        *none[i] = -1;
    mkdir("/tmp/conmon-fuzz", 0700);
    c.options.bundle = (char *)"/tmp/conmon-fuzz";
    c.options.full_attach = true;
    c.options.stdin_open = true;
    c.options.leave_stdin_open = size > 0 && (data[0] & 1) != 0;
    c.phase = PHASE_RUN;
    c.log_level = -1;
    if (epoll_fd >= 0)
        close(epoll_fd);
    loop_open(&c);
    epoll_fd = c.epoll_fd;
    int ends[2], clients[CLIENTS];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        abort();
    c.in.fd = ends[1];
    memset(clients, 0xff, sizeof(clients));
    attach_open(&c);
    for (size_t i = 1; i < size; i++) {
        size_t length = i + 1 < size ? data[i + 1] % 64 : 0;
        if (length > size - i - 1)
            length = size - i - 1;
        act(&c, clients, ends[0], data[i], data + i + 1, length);
        if ((data[i] & 1) != 0)
            settle(&c);
    }
    settle(&c);
    c.phase = PHASE_END;
    attach_finish(&c);
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i] >= 0)
            close(clients[i]);
    for (int i = 0; i < 50 && c.clients != NULL; i++)
        settle(&c);
    if (c.clients != NULL)
        abort();
    stdin_close(&c);
    close(ends[0]);
    close(c.bundle_fd);
    /* a leaked descriptor would show as an ever higher number */
    int probe = dup(STDERR_FILENO);
    if (probe > 40)
        abort();
    close(probe);
    return 0;
}
