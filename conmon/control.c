/*
 * Messages come as lines of text through FIFOs that anyone with access to the bundle may write to:
 * whatever is malformed, too long or out of range is dropped, line by line.
 */
#include "control.h"

#include "diag.h"
#include "health.h"
#include "log.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A decimal number and what ends it: white space, or (last number of a line) anything at all. */
static bool take_number(const char **text, int *number, bool last)
{
    char *end;
    errno = 0;
    long value = strtol(*text, &end, 10);
    if (end == *text || errno != 0 || value > 1000000 || value < -1000000)
        return false;
    if (!last && *end != ' ' && *end != '\t')
        return false;
    *number = (int)value;
    *text = end;
    return true;
}

static bool valid_size(int height, int width)
{
    return height >= 0 && width >= 0 && height <= WINDOW_SIZE_MAX && width <= WINDOW_SIZE_MAX;
}

bool winsz_parse(const char *line, int *height, int *width)
{
    return take_number(&line, height, false) && take_number(&line, width, true) &&
           valid_size(*height, *width);
}

bool control_parse(const char *line, int *type, int *height, int *width)
{
    if (!take_number(&line, type, false))
        return false;
    if (*type < CONTROL_RESIZE || *type > CONTROL_HEALTH_RELOAD)
        return false;
    return winsz_parse(line, height, width);
}

void control_apply_size(struct conmon *c)
{
    if (!c->size_known || !c->out.terminal || c->out.source.fd < 0)
        return;
    struct winsize size = {.ws_row = (unsigned short)c->rows, .ws_col = (unsigned short)c->columns};
    if (ioctl(c->out.source.fd, TIOCSWINSZ, &size) < 0)
        warn(c, "Failed to set process pty terminal size: %s", strerror(errno));
}

void control_initial_size(struct conmon *c)
{
    const char *text = getenv(ENV_TERMINAL_SIZE);
    if (text != NULL && winsz_parse(text, &c->rows, &c->columns))
        c->size_known = true;
    unsetenv(ENV_TERMINAL_SIZE);
}

static void resize(struct conmon *c, int height, int width)
{
    debug(c, "Height: %d, Width: %d", height, width);
    c->rows = height;
    c->columns = width;
    c->size_known = true;
    control_apply_size(c);
}

static void on_ctl_line(struct conmon *c, const char *line)
{
    int type, height, width;
    if (!control_parse(line, &type, &height, &width))
        warn(c, "Invalid control message: %.60s", line);
    else if (type == CONTROL_RESIZE)
        resize(c, height, width);
    else if (type == CONTROL_REOPEN_LOGS)
        log_reopen(c);
    else if (type == CONTROL_HEALTH_RUN)
        health_run_now(c);
    else
        health_reload(c);
}

static void on_winsz_line(struct conmon *c, const char *line)
{
    int height, width;
    if (winsz_parse(line, &height, &width))
        resize(c, height, width);
    else
        warn(c, "Failed to parse window size: %.60s", line);
}

static void on_fifo(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    bool is_ctl = source == &c->ctl;
    char input[512];
    ssize_t count = read(source->fd, input, sizeof(input));
    if (count <= 0) {
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            loop_unwatch(c, source);
        return;
    }
    for (ssize_t i = 0; i < count; i++) {
        char *text = is_ctl ? c->ctl_line.text : c->winsz_line.text;
        size_t *used = is_ctl ? &c->ctl_line.used : &c->winsz_line.used;
        bool *skip = is_ctl ? &c->ctl_line.skip : &c->winsz_line.skip;
        if (input[i] == '\n') {
            text[*used] = '\0';
            if (*skip)
                warn(c, "Control message too long");
            else if (is_ctl)
                on_ctl_line(c, text);
            else
                on_winsz_line(c, text);
            *used = 0;
            *skip = false;
        } else if (*used < CONTROL_LINE_MAX - 1) {
            text[(*used)++] = input[i];
        } else {
            *skip = true;
        }
    }
}

static int open_fifo(struct conmon *c, const char *name, struct source *source)
{
    if (mkfifoat(c->bundle_fd, name, 0660) < 0) {
        if (errno != EEXIST || unlinkat(c->bundle_fd, name, 0) < 0 ||
            mkfifoat(c->bundle_fd, name, 0660) < 0)
            fail_errno(c, "Failed to mkfifo at %s/%s", c->options.bundle, name);
    }
    source->fd = openat(c->bundle_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (source->fd < 0)
        fail_errno(c, "Failed to open %s/%s", c->options.bundle, name);
    source->ready = on_fifo;
    loop_watch(c, source, EPOLLIN);
    /* A writer of our own, or the FIFO would be at its end each time a client closes it. */
    int writer = openat(c->bundle_fd, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (writer < 0)
        fail_errno(c, "Failed to open %s/%s for writing", c->options.bundle, name);
    return writer;
}

void control_open(struct conmon *c)
{
    c->ctl_writer = open_fifo(c, CONTROL_FIFO_NAME, &c->ctl);
    c->winsz_writer = open_fifo(c, WINSZ_FIFO_NAME, &c->winsz);
}

void control_close(struct conmon *c)
{
    loop_close(c, &c->ctl);
    loop_close(c, &c->winsz);
    int *writers[] = {&c->ctl_writer, &c->winsz_writer};
    for (int i = 0; i < 2; i++) {
        if (*writers[i] >= 0)
            close(*writers[i]);
        *writers[i] = -1;
    }
}
