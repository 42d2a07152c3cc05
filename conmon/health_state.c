/* The health state file and the event file; their format is in protocol.h. */
#include "health.h"

#include "diag.h"
#include "files.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void put_text(FILE *out, const char *text)
{
    size_t length = strlen(text), size = length * 6 + 8;
    char *escaped = malloc(size);
    fputc('"', out);
    if (escaped != NULL) {
        json_escape(escaped, size, text, length);
        fputs(escaped, out);
    }
    fputc('"', out);
    free(escaped);
}

static void put_time(FILE *out, int64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    fprintf(out, "\"%s.%09ldZ\"", text, (long)(ns % 1000000000));
}

static void write_state(struct conmon *c, FILE *out)
{
    const struct health_check *h = &c->health;
    fprintf(out, "{\"Version\": %d, \"Status\": \"%s\", \"FailingStreak\": %d, \"StartupDone\": %s, "
                 "\"Action\": \"%s\", \"Checks\": %d, \"ExitCode\": %d, \"Log\": [",
            HEALTH_STATE_VERSION, h->status, h->streak, h->startup_done ? "true" : "false", h->action,
            h->checks, h->last_exit_code);
    for (int i = 0; i < h->log_used; i++) {
        fprintf(out, "%s{\"Start\": ", i > 0 ? ", " : "");
        put_time(out, h->log[i].start_ns);
        fputs(", \"End\": ", out);
        put_time(out, h->log[i].end_ns);
        fprintf(out, ", \"ExitCode\": %d, \"Output\": ", h->log[i].exit_code);
        put_text(out, h->log[i].output ? h->log[i].output : "");
        fputc('}', out);
    }
    fputs("]}\n", out);
}

static void write_event(struct conmon *c, FILE *out, bool changed, const struct health_result *latest)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fputs("{\"Time\": ", out);
    put_time(out, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    fprintf(out, ", \"Type\": \"%s\", \"ID\": ", HEALTH_EVENT_TYPE);
    put_text(out, c->options.cid);
    fputs(", \"Name\": ", out);
    put_text(out, c->options.name ? c->options.name : "");
    fprintf(out, ", \"Status\": \"%s\", \"FailingStreak\": %d, \"ExitCode\": %d, \"Changed\": %s, "
                 "\"Action\": \"%s\", \"Check\": %s, \"Output\": ", c->health.status, c->health.streak,
            latest ? latest->exit_code : 0, changed ? "true" : "false", c->health.action,
            latest ? "true" : "false");
    put_text(out, latest && latest->output ? latest->output : "");
    fputs("}\n", out);
}

void health_publish(struct conmon *c, bool changed, const struct health_result *latest)
{
    const struct health_options *o = &c->options.health;
    char *text = NULL;
    size_t size = 0;
    FILE *out = o->state_file ? open_memstream(&text, &size) : NULL;
    if (out != NULL) {
        write_state(c, out);
        if (fclose(out) != 0 || file_replace(o->state_file, text, size) < 0)
            warn(c, "Failed to write health state file %s: %s", o->state_file, strerror(errno));
        free(text);
    }
    text = NULL;
    out = o->event_file ? open_memstream(&text, &size) : NULL;
    if (out != NULL) {
        write_event(c, out, changed, latest);
        int fd = fclose(out) == 0
                     ? open(o->event_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644)
                     : -1;
        /* One write, so that lines of several monitors do not mix. */
        if (fd < 0 || write(fd, text, size) != (ssize_t)size)
            warn(c, "Failed to write to health event file %s: %s", o->event_file, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(text);
    }
}
