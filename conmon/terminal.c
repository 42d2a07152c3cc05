/*
 * The runtime opens the pseudo-terminal inside the container and sends us the master as
 * SCM_RIGHTS. Our socket is in a private directory, under a short path that fits into sun_path.
 */
#include "terminal.h"

#include "control.h"
#include "diag.h"
#include "files.h"
#include "loop.h"
#include "socket.h"
#include "streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#define RECEIVE_LIMIT_S 10

static void on_console(struct conmon *c, struct source *source, uint32_t events);

static int try_directory(struct conmon *c, const char *parent, int socket_fd)
{
    if (parent == NULL || *parent == '\0')
        return -1;
    char *directory = path_join(parent, "conmon-XXXXXX");
    char *path = NULL;
    if (directory != NULL && mkdtemp(directory) != NULL) {
        path = path_join(directory, "console");
        struct sockaddr_un address;
        socklen_t size = path != NULL ? socket_address(&address, path) : 0;
        if (size > 0 && bind(socket_fd, (struct sockaddr *)&address, size) == 0) {
            c->console_dir = directory;
            c->console_path = path;
            return 0;
        }
        int reason = size > 0 ? errno : ENAMETOOLONG;
        rmdir(directory);
        errno = reason;
    }
    int reason = errno;
    free(directory);
    free(path);
    errno = reason;
    return -1;
}

void terminal_open(struct conmon *c)
{
    c->console.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->console.fd < 0)
        fail_errno(c, "Failed to create console socket");
    if (try_directory(c, getenv("TMPDIR"), c->console.fd) < 0 &&
        try_directory(c, "/tmp", c->console.fd) < 0 &&
        try_directory(c, getenv("XDG_RUNTIME_DIR"), c->console.fd) < 0 &&
        try_directory(c, "/run", c->console.fd) < 0)
        fail_errno(c, "Failed to bind console socket in TMPDIR, /tmp, XDG_RUNTIME_DIR and /run");
    if (listen(c->console.fd, 8) < 0)
        fail_errno(c, "Failed to listen on console socket");
    c->console.ready = on_console;
    loop_watch(c, &c->console, EPOLLIN);
}

/* Returns the descriptor, or -1 with errno. */
static int receive_descriptor(int connection)
{
    char name[4096];
    struct iovec piece = {name, sizeof(name)};
    union {
        char space[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1,
                             .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    ssize_t count;
    do
        count = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return -1;
    int result = -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        int number = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < number; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + (size_t)i * sizeof(int), sizeof(fd));
            if (result < 0)
                result = fd;
            else
                close(fd);
        }
    }
    if (result < 0)
        errno = EPROTO;
    return result;
}

static void take_terminal(struct conmon *c, int connection)
{
    struct timeval limit = {.tv_sec = RECEIVE_LIMIT_S};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    int master = receive_descriptor(connection);
    if (master < 0)
        fail_errno(c, "Failed to receive console file descriptor");
    loop_close(c, &c->console);
    terminal_unlink(c);
    /* Kubernetes and docker expect "\n" to come out as "\r\n". */
    struct termios settings;
    if (tcgetattr(master, &settings) == 0) {
        settings.c_oflag |= ONLCR;
        if (tcsetattr(master, TCSANOW, &settings) < 0)
            warn(c, "Failed to set console terminal settings: %s", strerror(errno));
    } else {
        warn(c, "Failed to get console terminal settings: %s", strerror(errno));
    }
    streams_adopt_terminal(c, master);
    control_apply_size(c);
    close(connection); /* last: a runtime may wait for it */
}

static void on_console(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    int connection = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
    if (connection >= 0)
        take_terminal(c, connection);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        fail_errno(c, "Failed to accept console-socket connection");
}

void terminal_collect(struct conmon *c)
{
    if (c->console.fd >= 0)
        on_console(c, &c->console, 0);
    loop_close(c, &c->console);
    terminal_unlink(c);
}

void terminal_unlink(struct conmon *c)
{
    if (c->console_path != NULL)
        unlink(c->console_path);
    if (c->console_dir != NULL)
        rmdir(c->console_dir);
    free(c->console_path);
    free(c->console_dir);
    c->console_path = c->console_dir = NULL;
}
