/*
 * The command line as a struct: what each option of upstream's conmon (and the few of our own)
 * was set to. Strings point into argv. Parsing has no side effects, so that it can be fuzzed.
 */
#ifndef CONMON_OPTIONS_H
#define CONMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct string_list {
    char **items; /* count entries and a NULL */
    size_t count;
};

struct health_options {
    char *process_spec;         /* NULL: no health check */
    char *startup_process_spec; /* NULL: no separate start-up check */
    char *state_file;
    char *event_file;
    char *on_failure;
    int64_t interval_ms;
    int64_t timeout_ms;
    int64_t start_period_ms;
    int64_t startup_interval_ms;
    int64_t startup_timeout_ms;
    int retries;
    int startup_retries;
    int startup_successes;
    int log_count;
    int log_size;
    int stop_signal;
    int stop_timeout; /* seconds; negative: never SIGKILL */
};

struct options {
    bool api_version, exec, exec_attach, terminal, stdin_open, leave_stdin_open, syslog;
    bool systemd_cgroup, no_pivot, no_new_keyring, no_sync_log, replace_listen_pid, sync;
    bool full_attach, log_rotate, no_partial_message, version, help;
    char *cid, *cuuid, *name, *runtime, *bundle, *persist_dir, *container_pidfile, *conmon_pidfile;
    char *exec_process_spec, *restore, *exit_dir, *exit_command, *log_level, *log_tag;
    char *sdnotify_socket, *socket_dir, *seccomp_socket, *seccomp_plugins;
    struct string_list exit_args, runtime_args, runtime_opts, log_paths, log_labels;
    struct string_list log_allowlist;
    int exit_delay, timeout, log_max_files;
    int64_t log_size_max, log_global_size_max;
    struct health_options health;
};

/* Fills *options. Returns 0, or -1 with the reason in error (never truncated inside a line). */
int options_parse(struct options *options, int argc, char **argv, char *error, size_t error_size);
/* Checks what does not need the log drivers. Returns 0, or -1 with the reason in error. */
int options_check(const struct options *options, char *error, size_t error_size);
/* The part of options_check that is about health checks alone. */
int options_check_health(const struct health_options *health, char *error, size_t error_size);
void options_free(struct options *options);
void options_help(FILE *stream);

#endif
