/*
 * k8s-file, the log format of the Kubernetes container runtime interface: TIME STREAM TAG TEXT,
 * one record a line. All lines read at once get one timestamp.
 */
#include "log.h"

#include "logfile.h"

#include <string.h>

void k8s_write(struct conmon *c, int stream, const unsigned char *data, size_t size)
{
    struct logfile *file = &c->log.k8s;
    char prefix[80];
    size_t length = log_timestamp(c, prefix, sizeof(prefix), false);
    memcpy(prefix + length, stream == ATTACH_STREAM_STDERR ? " stderr F " : " stdout F ", 10);
    char *tag = prefix + length + 8;
    length += 10;
    while (size > 0) {
        const unsigned char *newline = memchr(data, '\n', size);
        size_t line = newline ? (size_t)(newline - data) + 1 : size;
        if (!logfile_begin(c, file, length + line + (newline ? 0 : 1)))
            break;
        *tag = newline ? K8S_TAG_FULL[0] : K8S_TAG_PARTIAL[0];
        logfile_put(c, file, prefix, length);
        logfile_put(c, file, data, line);
        if (newline == NULL)
            logfile_put(c, file, "\n", 1);
        data += line;
        size -= line;
    }
    logfile_flush(c, file);
}
