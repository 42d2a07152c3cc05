/*
 * --log-path DRIVER:PATH. Rules kept from upstream: a path alone, or ":path", is k8s-file; "none",
 * "off" and "null" add nothing; tags and labels need a driver that can hold them.
 */
#include "log.h"

#include "diag.h"
#include "logfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_ID_MIN 13
#define ZONE_AT 20 /* in stamp_local: the offset from UTC, behind the 19 bytes of date and time */

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

static void set_file(struct conmon *c, struct logfile *file, bool *used, char *path)
{
    if (*used && strcmp(file->path, path) != 0)
        fail(c, "log-path names two files for one driver: %.1000s and %.1000s", file->path, path);
    *used = true;
    file->path = path;
}

static void add_driver(struct conmon *c, char *text)
{
    char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    char *path = colon ? colon + 1 : NULL;
    if (*text == '\0' || (colon == text && *path == '\0'))
        fail(c, "log-path must not be empty");
    if (colon == text)
        set_file(c, &c->log.k8s, &c->log.k8s_used, path);
    else if (is_word(text, length, "none") || is_word(text, length, "off") || is_word(text, length, "null"))
        return;
    else if (is_word(text, length, "passthrough"))
        c->log.passthrough = true;
    else if (is_word(text, length, "journald"))
        c->log.journald = true;
    else if (is_word(text, length, "k8s-file") || is_word(text, length, "json-file")) {
        bool k8s = text[0] == 'k';
        if (path == NULL || *path == '\0')
            fail(c, "%.*s requires a filename", (int)length, text);
        set_file(c, k8s ? &c->log.k8s : &c->log.json, k8s ? &c->log.k8s_used : &c->log.json_used, path);
    } else if (colon == NULL)
        set_file(c, &c->log.k8s, &c->log.k8s_used, text);
    else
        fail(c, "No such log driver %.*s", (int)(length > 200 ? 200 : length), text);
}

static void check_labels(struct conmon *c)
{
    const struct string_list *labels = &c->options.log_labels;
    bool takes_labels = c->log.journald || c->log.json_used;
    if (c->log.k8s_used && !takes_labels && c->options.log_tag != NULL)
        fail(c, "k8s-file doesn't support --log-tag");
    if (c->log.k8s_used && !takes_labels && labels->count > 0)
        fail(c, "k8s-file doesn't support --log-label");
    for (size_t i = 0; takes_labels && i < labels->count; i++) {
        const char *label = labels->items[i], *equals = strchr(label, '=');
        if (*label == '=')
            fail(c, "Container labels must be in format LABEL=VALUE (no LABEL present in '%.200s')", label);
        if (equals == NULL || strchr(equals + 1, '=') != NULL)
            fail(c, "Container labels must be in format LABEL=VALUE (none or more than one '=' present "
                    "in '%.200s')", label);
        if (strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != (size_t)(equals - label))
            fail(c, "Container label names must contain only uppercase letters, numbers and underscore "
                    "(in '%.200s')", label);
    }
}

void log_open(struct conmon *c)
{
    const struct string_list *paths = &c->options.log_paths;
    if (paths->count == 0)
        fail(c, "Log driver not provided. Use --log-path");
    for (size_t i = 0; i < paths->count; i++)
        add_driver(c, paths->items[i]);
    if (c->log.k8s_used && c->log.json_used && strcmp(c->log.k8s.path, c->log.json.path) == 0)
        fail(c, "k8s-file and json-file cannot both write to %.1000s", c->log.k8s.path);
    check_labels(c);
    if (c->log.k8s_used)
        logfile_open(c, &c->log.k8s);
    if (c->log.json_used) {
        logfile_open(c, &c->log.json);
        json_open(c);
    }
    if (c->log.journald) {
        if (strlen(c->options.cid) < JOURNAL_ID_MIN)
            fail(c, "Container ID must be longer than 12 characters");
        journal_open(c);
    } else if (c->options.no_partial_message) {
        warn(c, "--no-container-partial-message has no effect without journald log driver");
    }
}

void log_write(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    if (size == 0)
        return;
    if (c->log.k8s_used)
        k8s_write(c, stream, data, size);
    if (c->log.json_used)
        json_write(c, stream, data, size);
    if (c->log.journald)
        journal_write(c, stream, data, size);
}

void log_flush_partial(struct conmon *c)
{
    static const int streams[] = {ATTACH_STREAM_STDOUT, ATTACH_STREAM_STDERR};
    for (int i = 0; i < 2; i++) {
        if (c->log.journald)
            journal_flush(c, streams[i]);
        if (c->log.json_used)
            json_flush(c, streams[i]);
    }
}

void log_reopen(struct conmon *c)
{
    if (c->log.k8s_used)
        logfile_reopen(c, &c->log.k8s);
    if (c->log.json_used)
        logfile_reopen(c, &c->log.json);
}

void log_finish(struct conmon *c)
{
    if (c->log.k8s_used)
        logfile_close(c, &c->log.k8s, !c->options.no_sync_log);
    if (c->log.json_used)
        logfile_close(c, &c->log.json, !c->options.no_sync_log);
    if (c->log.journal_lost > 0)
        warn(c, "%llu journal entries were lost", (unsigned long long)c->log.journal_lost);
}

/* The calendar part is kept for as long as the second lasts: localtime_r costs more than the line. */
size_t log_timestamp(struct conmon *c, char *text, size_t size, bool utc)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    struct log_state *log = &c->log;
    if (log->stamp_local[0] == '\0' || log->stamp_second != now.tv_sec) {
        struct tm parts = {.tm_year = 70, .tm_mday = 1};
        localtime_r(&now.tv_sec, &parts);
        long offset = parts.tm_gmtoff;
        char sign = offset < 0 ? '-' : '+';
        if (offset < 0)
            offset = -offset;
        strftime(log->stamp_local, sizeof(log->stamp_local), "%Y-%m-%dT%H:%M:%S", &parts);
        char *zone = log->stamp_local + ZONE_AT;
        int hours = (int)(offset / 3600 % 100), minutes = (int)(offset % 3600 / 60);
        zone[0] = sign;
        zone[1] = (char)('0' + hours / 10);
        zone[2] = (char)('0' + hours % 10);
        zone[3] = ':';
        zone[4] = (char)('0' + minutes / 10);
        zone[5] = (char)('0' + minutes % 10);
        zone[6] = '\0';
        gmtime_r(&now.tv_sec, &parts);
        strftime(log->stamp_utc, sizeof(log->stamp_utc), "%Y-%m-%dT%H:%M:%S", &parts);
        log->stamp_second = now.tv_sec;
    }
    int length = snprintf(text, size, "%.19s.%09ld%s", utc ? log->stamp_utc : log->stamp_local,
                          now.tv_nsec, utc ? "Z" : log->stamp_local + ZONE_AT);
    return (size_t)length;
}
