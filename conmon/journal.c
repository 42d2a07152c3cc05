/*
 * journald's native protocol: one datagram an entry, FIELD=value lines; a value with a newline in it
 * goes as FIELD, newline, 64-bit little-endian length, value. Lines are held back until they are
 * complete or longer than LINE_MAX_SIZE; then they go as CONTAINER_PARTIAL_MESSAGE=true.
 */
#include "log.h"

#include "diag.h"
#include "socket.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_SIZE 8192
#define SHORT_ID 12
#define SEND_LIMIT_S 5

static int index_of(int stream)
{
    return stream == ATTACH_STREAM_STDERR ? 1 : 0;
}

static void add_field(struct conmon *c, FILE *out, const char *name, const char *value, size_t size)
{
    if (memchr(value, '\n', size) == NULL) {
        fprintf(out, "%s=%.*s\n", name, (int)size, value);
        return;
    }
    uint64_t length = htole64(size);
    fprintf(out, "%s\n", name);
    if (fwrite(&length, sizeof(length), 1, out) != 1 || fwrite(value, size, 1, out) != 1)
        fail(c, "no memory for journal fields");
    fputc('\n', out);
}

void journal_open(struct conmon *c)
{
    const struct options *o = &c->options;
    size_t short_size = strlen(o->cid) < SHORT_ID ? strlen(o->cid) : SHORT_ID;
    const char *identifier = o->log_tag ? o->log_tag : o->name;
    FILE *out = open_memstream(&c->log.journal_fields, &c->log.journal_fields_size);
    if (out == NULL)
        fail_errno(c, "Failed to prepare journal fields");
    add_field(c, out, "CONTAINER_ID_FULL", o->cid, strlen(o->cid));
    add_field(c, out, "CONTAINER_ID", o->cid, short_size);
    if (o->log_tag != NULL)
        add_field(c, out, "CONTAINER_TAG", o->log_tag, strlen(o->log_tag));
    if (o->name != NULL)
        add_field(c, out, "CONTAINER_NAME", o->name, strlen(o->name));
    if (identifier != NULL)
        add_field(c, out, "SYSLOG_IDENTIFIER", identifier, strlen(identifier));
    else
        add_field(c, out, "SYSLOG_IDENTIFIER", o->cid, short_size);
    for (size_t i = 0; i < o->log_labels.count; i++) {
        char *label = o->log_labels.items[i], *equals = strchr(label, '=');
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)(equals - label), label);
        add_field(c, out, name, equals + 1, strlen(equals + 1));
    }
    if (fclose(out) != 0)
        fail(c, "no memory for journal fields");
    c->log.journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (c->log.journal_fd < 0)
        fail_errno(c, "Failed to create journal socket");
    /* A journal that has stopped must not stop the container: it is waited for once, not for each line. */
    struct timeval limit = {.tv_sec = SEND_LIMIT_S};
    setsockopt(c->log.journal_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    c->log.journal_priority[0] = c->log.journal_priority[1] = -1;
    for (int i = 0; i < 2; i++)
        if ((c->log.journal_partial[i] = malloc(LINE_MAX_SIZE)) == NULL)
            fail(c, "no memory for journal lines");
}

/* An entry too large for a datagram goes as a sealed memory file. */
static ssize_t send_as_file(int socket_fd, struct msghdr *message)
{
    int fd = memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    ssize_t result = writev(fd, message->msg_iov, (int)message->msg_iovlen);
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr carrier = {.msg_name = message->msg_name, .msg_namelen = message->msg_namelen,
                             .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&carrier);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(int));
    if (result >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        result = sendmsg(socket_fd, &carrier, MSG_NOSIGNAL);
    else
        result = -1;
    close(fd);
    return result;
}

static void send_entry(struct conmon *c, int priority, bool partial, const unsigned char *first,
                       size_t first_size, const unsigned char *second, size_t second_size)
{
    struct sockaddr_un address;
    socklen_t length = socket_address(&address, JOURNAL_SOCKET);
    char head[64];
    int head_size = snprintf(head, sizeof(head), "PRIORITY=%d\n%s", priority,
                             partial && !c->options.no_partial_message ? "CONTAINER_PARTIAL_MESSAGE=true\n" : "");
    /* Messages hold no newline: they were split at them. */
    struct iovec pieces[] = {
        {(void *)"MESSAGE=", 8}, {(void *)first, first_size}, {(void *)second, second_size},
        {(void *)"\n", 1}, {head, (size_t)head_size},
        {c->log.journal_fields, c->log.journal_fields_size},
    };
    struct msghdr message = {.msg_name = &address, .msg_namelen = length, .msg_iov = pieces,
                             .msg_iovlen = sizeof(pieces) / sizeof(pieces[0])};
    ssize_t sent;
    do
        sent = sendmsg(c->log.journal_fd, &message, MSG_NOSIGNAL | (c->log.journal_stuck ? MSG_DONTWAIT : 0));
    while (sent < 0 && errno == EINTR);
    c->log.journal_stuck = sent < 0 && errno == EAGAIN;
    if (sent < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
        sent = send_as_file(c->log.journal_fd, &message);
    if (sent < 0 && c->log.journal_lost++ == 0)
        warn(c, "Failed to send to the journal: %s", strerror(errno));
}

/* "<3>text": a syslog priority that a program put in front of its line. */
static int take_priority(int stream, const unsigned char **line, size_t *size)
{
    const unsigned char *text = *line;
    if (*size >= 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
        *line += 3;
        *size -= 3;
        return text[1] - '0';
    }
    return stream == ATTACH_STREAM_STDERR ? 3 : 6;
}

static void emit(struct conmon *c, int stream, bool partial, const unsigned char *rest, size_t rest_size)
{
    int which = index_of(stream);
    const unsigned char *held = c->log.journal_partial[which];
    size_t held_size = c->log.journal_partial_size[which];
    /* The middle of a long line may look like a priority, and is none. */
    int priority = c->log.journal_priority[which];
    if (priority < 0)
        priority = held_size > 0 ? take_priority(stream, &held, &held_size)
                                 : take_priority(stream, &rest, &rest_size);
    c->log.journal_priority[which] = partial ? priority : -1;
    send_entry(c, priority, partial, held, held_size, rest, rest_size);
    c->log.journal_partial_size[which] = 0;
}

void journal_write(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    int which = index_of(stream);
    while (size > 0) {
        const unsigned char *newline = memchr(data, '\n', size);
        size_t line = newline ? (size_t)(newline - data) : size;
        size_t room = LINE_MAX_SIZE - c->log.journal_partial_size[which];
        if (line > room) {
            emit(c, stream, true, data, room);
            data += room;
            size -= room;
        } else if (newline != NULL) {
            emit(c, stream, false, data, line);
            data += line + 1;
            size -= line + 1;
        } else {
            memcpy(c->log.journal_partial[which] + c->log.journal_partial_size[which], data, line);
            c->log.journal_partial_size[which] += line;
            return;
        }
    }
}

void journal_flush(struct conmon *c, int stream)
{
    if (c->log.journal_partial_size[index_of(stream)] > 0)
        emit(c, stream, true, (const unsigned char *)"", 0);
}
