/*
 * Own messages. A monitor outlives whoever could read its stderr, so a failure is also sent up the
 * sync pipe and, with --syslog, to syslog; then whatever was half made is taken down again.
 */
#include "diag.h"

#include "finish.h"
#include "sync.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>

#define MESSAGE_MAX 8192

int diag_set_level(struct conmon *c, const char *name)
{
    static const struct { const char *name; int level; } levels[] = {
        {"panic", LEVEL_ERROR}, {"fatal", LEVEL_ERROR}, {"error", LEVEL_ERROR},
        {"warn", LEVEL_WARN},   {"warning", LEVEL_WARN}, {"info", LEVEL_INFO},
        {"debug", LEVEL_DEBUG}, {"trace", LEVEL_TRACE},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcasecmp(levels[i].name, name) == 0) {
            c->log_level = levels[i].level;
            return 0;
        }
    return -1;
}

static void emit(struct conmon *c, int level, const char *message)
{
    static const char letters[] = "ewidd";
    static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
    if (level > c->log_level)
        return;
    dprintf(STDERR_FILENO, "[conmon:%c]: %s\n", letters[level], message);
    if (c->options.syslog)
        syslog(level == LEVEL_ERROR ? LOG_ERR : LOG_INFO, "conmon %.20s <%s>: %s",
               c->options.cid ? c->options.cid : "", names[level], message);
}

void diag(struct conmon *c, int level, const char *format, ...)
{
    if (level > c->log_level)
        return;
    int saved_errno = errno;
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    emit(c, level, message);
    errno = saved_errno;
}

static _Noreturn void fail_with(struct conmon *c, const char *message)
{
    /* A failure while failing (say, while the exit command is started) must not loop. */
    if (c->failing)
        _exit(EXIT_FAILURE);
    c->failing = true;
    emit(c, LEVEL_ERROR, message);
    sync_report_failure(c, message);
    finish_abort(c);
    _exit(EXIT_FAILURE);
}

void fail(struct conmon *c, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    fail_with(c, message);
}

void fail_errno(struct conmon *c, const char *format, ...)
{
    const char *reason = strerror(errno);
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof(message))
        snprintf(message + length, sizeof(message) - (size_t)length, ": %s", reason);
    fail_with(c, message);
}
