/*
 * The one state struct of the monitor, and the parts it is made of. Each module owns the members
 * grouped under its name; a member of another group is only read.
 */
#ifndef CONMON_H
#define CONMON_H

#include "options.h"
#include "protocol.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct conmon;

/* Something the loop waits for. `ready` gets epoll's event bits. */
struct source {
    int fd;
    bool watched;
    void (*ready)(struct conmon *c, struct source *source, uint32_t events);
};

enum timer_id {
    TIMER_TIMEOUT,   /* --timeout */
    TIMER_SETTLED,   /* the start is over */
    TIMER_TTY,       /* look at a hung-up terminal again */
    TIMER_ACCEPT,    /* accept clients again after running out of descriptors */
    TIMER_LAG,       /* give up clients that take nothing */
    TIMER_HEALTH,    /* next health check */
    TIMER_HEALTH_LIMIT,
    TIMER_STOP,      /* SIGKILL after SIGTERM */
    TIMER_COUNT
};

struct timer {
    int64_t deadline_ms; /* 0: not set */
    void (*expired)(struct conmon *c);
};

/* Output a slow attach client has not taken yet: frames in an unlinked file. */
struct spool {
    int fd; /* -1: empty, never used */
    int64_t head, tail;
};

struct client {
    struct source source;
    struct client *next;
    bool reading;  /* may still send stdin */
    bool deaf;     /* takes no more output */
    bool freed;
    unsigned char *pending; /* bytes for stdin not yet taken by the container */
    size_t pending_start, pending_end;
    struct spool spool;
    int64_t progress_ms;
};

/* One output stream of the container. */
struct stream {
    struct source source;
    int number; /* ATTACH_STREAM_… */
    bool terminal;
    bool waiting; /* hung-up terminal: looked at by TIMER_TTY */
};

struct logfile {
    char *path;
    char *name; /* last part of path, relative to dir_fd */
    int dir_fd, fd;
    int64_t size, total, size_max, total_max;
    bool rotate, dirty;
    int keep;
    size_t used;
    unsigned char *buffer;
    uint64_t lost; /* bytes that could not be written */
};

struct log_state {
    bool passthrough, journald;
    bool k8s_used, json_used;
    struct logfile k8s, json;
    int journal_fd;
    char *journal_fields; /* constant part of each entry, encoded */
    size_t journal_fields_size;
    unsigned char *journal_partial[2];
    size_t journal_partial_size[2];
    int journal_priority[2]; /* of the line being held, -1: a new one starts */
    char *json_attrs;
    struct { unsigned char bytes[3]; size_t size; } json_held[2]; /* a character's beginning, by stream */
    unsigned char *json_joined; /* that and what came next */
    uint64_t journal_lost;
    bool journal_stuck; /* the last entry could not be sent in time: do not wait again */
    int64_t stamp_second;
    char stamp_local[48], stamp_utc[48];
};

enum phase {
    PHASE_SETUP,  /* nothing started yet */
    PHASE_CREATE, /* the runtime is at work */
    PHASE_RUN,    /* the container is up */
    PHASE_END     /* the container has ended */
};

#define IO_SIZE 65536
#define EARLY_MAX 65536
#define UNKNOWN_CHILDREN 32

struct health_check {
    pid_t pid;
    struct source output;
    int64_t started_ns, run_started_ms;
    bool timed_out, startup_done, run_again;
    bool given_up; /* the running check was killed because nobody wants its result any more */
    int streak, successes, checks, last_exit_code;
    const char *status, *action;
    char *text;
    size_t text_size;
    char created_as[32]; /* name of the process before its own program runs */
    struct health_result *log;
    int log_used;
    char *reloaded; /* text of the options that were taken while the container runs */
};

struct conmon {
    struct options options;
    enum phase phase;

    /* diag */
    int log_level;
    bool failing;

    /* loop */
    int epoll_fd;
    bool stop;
    struct timer timers[TIMER_COUNT];

    /* pipes to the parent */
    int sync_fd, start_fd, attach_fd, owner_fd;
    bool sync_done; /* nothing more is owed to the sync pipe */

    /* children */
    struct source signals;
    sigset_t original_mask;
    pid_t create_pid, container_pid, exit_command_pid;
    int create_status, container_status; /* wait(2) statuses, -1: not known */
    struct source pidfd;
    bool timed_out;
    struct { pid_t pid; int status; } unknown[UNKNOWN_CHILDREN];
    unsigned unknown_count;
    bool exit_command_armed;
    char *oom_score;

    /* streams */
    struct stream out, err;
    struct source in; /* the container's stdin, -1 when closed */
    bool in_close_wanted;
    bool paused;
    int child_stdio[3]; /* the runtime's ends */
    unsigned char *early;
    size_t early_size;

    /* terminal and control */
    struct source console;
    char *console_dir, *console_path;
    struct source ctl, winsz;
    int ctl_writer, winsz_writer;
    struct { char text[CONTROL_LINE_MAX]; size_t used; bool skip; } ctl_line, winsz_line;
    bool size_known;
    int rows, columns;

    /* attach */
    struct source listener;
    struct client *clients;
    int client_walks; /* > 0: somebody walks the list */
    int bundle_fd;
    char *socket_link;
    bool attach_bound;

    /* notify */
    struct source notify;
    int notify_out;

    struct log_state log;

    /* oom */
    struct source oom;
    int oom_control_fd;
    char *oom_path;
    long oom_seen[2];

    struct health_check health;

    /* scratch for whoever is running; nobody keeps a pointer into it */
    unsigned char io[IO_SIZE];
};

#endif
