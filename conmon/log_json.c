/*
 * json-file, docker's log format: one JSON object a line. Bytes that are not UTF-8 become U+FFFD,
 * as docker does; tag and labels go into "attrs".
 */
#include "log.h"

#include "diag.h"
#include "json.h"
#include "logfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One character of the line as JSON: into text (at least JSON_CHARACTER_MAX bytes). Returns how much it took. */
static size_t encode_one(const unsigned char *data, size_t size, char *text, size_t *text_size)
{
    size_t length = data[0] < 0x80 ? 1 : utf8_length(data, size);
    if (length == 0)
        length = 1;
    *text_size = json_escape(text, JSON_CHARACTER_MAX, (const char *)data, length);
    return length;
}

static bool plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static size_t encoded_size(const unsigned char *line, size_t size)
{
    size_t total = 0;
    for (size_t i = 0; i < size;) {
        char text[JSON_CHARACTER_MAX];
        size_t length = 1;
        if (plain(line[i]))
            i++;
        else
            i += encode_one(line + i, size - i, text, &length);
        total += length;
    }
    return total;
}

static void put_line(struct conmon *c, const unsigned char *line, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t run = i;
        while (run < size && plain(line[run]))
            run++;
        if (run > i)
            logfile_put(c, &c->log.json, line + i, run - i);
        i = run;
        if (i < size) {
            char text[JSON_CHARACTER_MAX];
            size_t length;
            i += encode_one(line + i, size - i, text, &length);
            logfile_put(c, &c->log.json, text, length);
        }
    }
}

static void write_records(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    static const char start[] = "{\"log\":\"";
    struct logfile *file = &c->log.json;
    const char *attrs = c->log.json_attrs ? c->log.json_attrs : "";
    char stamp[48], tail[96];
    log_timestamp(c, stamp, sizeof(stamp), true);
    size_t tail_size = (size_t)snprintf(tail, sizeof(tail), "\",\"stream\":\"%s\",",
                                        stream == ATTACH_STREAM_STDERR ? "stderr" : "stdout");
    char end[64];
    size_t end_size = (size_t)snprintf(end, sizeof(end), "\"time\":\"%s\"}\n", stamp);
    while (size > 0) {
        const unsigned char *newline = memchr(data, '\n', size);
        size_t line = newline ? (size_t)(newline - data) + 1 : size;
        size_t record = sizeof(start) - 1 + encoded_size(data, line) + tail_size + strlen(attrs) + end_size;
        if (!logfile_begin(c, file, record))
            break;
        logfile_put(c, file, start, sizeof(start) - 1);
        put_line(c, data, line);
        logfile_put(c, file, tail, tail_size);
        logfile_put(c, file, attrs, strlen(attrs));
        logfile_put(c, file, end, end_size);
        data += line;
        size -= line;
    }
    logfile_flush(c, file);
}

/* Reads end anywhere, also inside a character: then its beginning waits for the next one. */
void json_write(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    int which = stream == ATTACH_STREAM_STDERR ? 1 : 0;
    unsigned char *held = c->log.json_held[which].bytes;
    size_t *held_size = &c->log.json_held[which].size;
    if (*held_size > 0 && c->log.json_joined == NULL)
        c->log.json_joined = malloc(sizeof(c->io) + sizeof(c->log.json_held[0].bytes));
    if (*held_size > 0 && c->log.json_joined == NULL) {
        write_records(c, stream, held, *held_size);
    } else if (*held_size > 0) {
        memcpy(c->log.json_joined, held, *held_size);
        memcpy(c->log.json_joined + *held_size, data, size);
        data = c->log.json_joined;
        size += *held_size;
    }
    *held_size = utf8_unfinished(data, size);
    size -= *held_size;
    memcpy(held, data + size, *held_size);
    write_records(c, stream, data, size);
}

void json_flush(struct conmon *c, int stream)
{
    int which = stream == ATTACH_STREAM_STDERR ? 1 : 0;
    write_records(c, stream, c->log.json_held[which].bytes, c->log.json_held[which].size);
    c->log.json_held[which].size = 0;
}

/* Prepares "attrs":{…}, with the tag and the labels. */
void json_open(struct conmon *c)
{
    const struct string_list *labels = &c->options.log_labels;
    if (c->options.log_tag == NULL && labels->count == 0)
        return;
    size_t size = 64 + (c->options.log_tag ? strlen(c->options.log_tag) * 6 : 0);
    for (size_t i = 0; i < labels->count; i++)
        size += strlen(labels->items[i]) * 6 + 16;
    char *text = malloc(size);
    if (text == NULL)
        fail(c, "no memory for log labels");
    size_t used = (size_t)snprintf(text, size, "\"attrs\":{");
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->items[i], *equals = strchr(label, '=');
        used += (size_t)snprintf(text + used, size - used, "%s\"%.*s\":\"", i > 0 ? "," : "",
                                 (int)(equals - label), label);
        used += json_escape(text + used, size - used, equals + 1, strlen(equals + 1));
        text[used++] = '"';
    }
    if (c->options.log_tag != NULL) {
        used += (size_t)snprintf(text + used, size - used, "%s\"tag\":\"", labels->count > 0 ? "," : "");
        used += json_escape(text + used, size - used, c->options.log_tag, strlen(c->options.log_tag));
        text[used++] = '"';
    }
    snprintf(text + used, size - used, "},");
    c->log.json_attrs = text;
}
