/*
 * Option table and parser. It accepts what GLib's option parser accepts from upstream's callers:
 * --name value, --name=value, -nvalue, joined short flags, options after stray arguments (podman
 * passes "--api-version 1"), "--". A later single value replaces an earlier one.
 */
#include "options.h"

#include "protocol.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { FLAG, STRING, LIST, INT, INT64, DURATION };

struct option_spec {
    const char *name;
    char letter;
    enum kind kind;
    size_t offset;
    const char *help; /* NULL: accepted, not shown */
};

#define AT(member) offsetof(struct options, member)

static const struct option_spec specs[] = {
    {"help", 'h', FLAG, AT(help), "Show this help and exit"},
    {"api-version", 0, FLAG, AT(api_version), "Speak version 1 of the sync pipe protocol"},
    {"bundle", 'b', STRING, AT(bundle), "Path of the OCI bundle (default: the working directory)"},
    {"cid", 'c', STRING, AT(cid), "Container ID"},
    {"conmon-pidfile", 'P', STRING, AT(conmon_pidfile), "File to write the monitor's pid to"},
    {"container-pidfile", 'p', STRING, AT(container_pidfile),
     "File the runtime writes the container's pid to"},
    {"cuuid", 'u', STRING, AT(cuuid), "Container UUID"},
    {"exec", 'e', FLAG, AT(exec), "Run a command in a running container"},
    {"exec-attach", 0, FLAG, AT(exec_attach), "Attach to the exec session"},
    {"exec-process-spec", 0, STRING, AT(exec_process_spec), "Path of the OCI process to execute"},
    {"exit-command", 0, STRING, AT(exit_command), "Program to run when the container has ended"},
    {"exit-command-arg", 0, LIST, AT(exit_args), "Argument for the exit command (repeatable)"},
    {"exit-delay", 0, INT, AT(exit_delay), "Seconds to wait before the exit command"},
    {"exit-dir", 0, STRING, AT(exit_dir), "Directory for exit files named by container ID"},
    {"full-attach", 0, FLAG, AT(full_attach),
     "Attach socket by its full path in the bundle; --socket-dir-path is ignored"},
    {"leave-stdin-open", 0, FLAG, AT(leave_stdin_open),
     "Keep stdin open when an attached client goes away"},
    {"log-allowlist-dir", 0, LIST, AT(log_allowlist),
     "Directory log files may be in (repeatable; default: anywhere)"},
    {"log-global-size-max", 0, INT64, AT(log_global_size_max),
     "Stop logging after this many bytes in all"},
    {"log-label", 0, LIST, AT(log_labels), "LABEL=VALUE for journald and json-file (repeatable)"},
    {"log-level", 0, STRING, AT(log_level), "error, warn, info, debug or trace"},
    {"log-max-files", 0, INT, AT(log_max_files), "Rotated log files to keep (default: 1)"},
    {"log-path", 'l', LIST, AT(log_paths),
     "Log as DRIVER:PATH (repeatable): k8s-file, json-file, journald, passthrough, none"},
    {"log-rotate", 0, FLAG, AT(log_rotate), "Rotate at --log-size-max instead of truncating"},
    {"log-size-max", 0, INT64, AT(log_size_max), "Largest size of one log file in bytes"},
    {"log-tag", 0, STRING, AT(log_tag), "Tag for journald and json-file entries"},
    {"name", 'n', STRING, AT(name), "Container name"},
    {"no-container-partial-message", 0, FLAG, AT(no_partial_message),
     "Leave CONTAINER_PARTIAL_MESSAGE out of journald entries"},
    {"no-new-keyring", 0, FLAG, AT(no_new_keyring), "Do not make a session keyring"},
    {"no-pivot", 0, FLAG, AT(no_pivot), "Do not use pivot_root"},
    {"no-sync-log", 0, FLAG, AT(no_sync_log), "Do not fsync the logs at the end"},
    {"persist-dir", '0', STRING, AT(persist_dir), "Directory for the files 'exit' and 'oom'"},
    {"pidfile", 0, STRING, AT(container_pidfile), NULL},
    {"replace-listen-pid", 0, FLAG, AT(replace_listen_pid),
     "Set LISTEN_PID, where it is set, to the runtime's pid"},
    {"restore", 0, STRING, AT(restore), "Restore the container from this checkpoint"},
    {"restore-arg", 0, LIST, AT(runtime_opts), NULL},
    {"runtime", 'r', STRING, AT(runtime), "Path of the OCI runtime"},
    {"runtime-arg", 0, LIST, AT(runtime_args), "Argument for the runtime (repeatable)"},
    {"runtime-opt", 0, LIST, AT(runtime_opts),
     "Option for the runtime's create, restore or exec (repeatable)"},
    {"sdnotify-socket", 0, STRING, AT(sdnotify_socket),
     "The host's notify socket to relay messages to"},
    {"seccomp-notify-plugins", 0, STRING, AT(seccomp_plugins), "Refused: see the manual"},
    {"seccomp-notify-socket", 0, STRING, AT(seccomp_socket), "Refused: see the manual"},
    {"socket-dir-path", 0, STRING, AT(socket_dir),
     "Directory for links to attach sockets (default: " DEFAULT_SOCKET_DIR ")"},
    {"stdin", 'i', FLAG, AT(stdin_open), "Give the container a pipe as stdin"},
    {"sync", 0, FLAG, AT(sync), "Do not fork: stay a child of the caller"},
    {"syslog", 0, FLAG, AT(syslog), "Send own messages to syslog as well"},
    {"systemd-cgroup", 's', FLAG, AT(systemd_cgroup), "Let the runtime use systemd for cgroups"},
    {"terminal", 't', FLAG, AT(terminal), "Give the container a terminal"},
    {"timeout", 'T', INT, AT(timeout), "Kill the container after this many seconds"},
    {"version", 0, FLAG, AT(version), "Print the version and exit"},
    {"health-process-spec", 0, STRING, AT(health.process_spec),
     "OCI process to run as health check"},
    {"health-interval", 0, DURATION, AT(health.interval_ms), "Time between checks (default: 30s)"},
    {"health-timeout", 0, DURATION, AT(health.timeout_ms), "Time one check may take (default: 30s)"},
    {"health-retries", 0, INT, AT(health.retries), "Failures until unhealthy (default: 3)"},
    {"health-start-period", 0, DURATION, AT(health.start_period_ms),
     "Time after start in which failures do not count (default: 0s)"},
    {"health-on-failure", 0, STRING, AT(health.on_failure), "none, kill, restart or stop"},
    {"health-stop-signal", 0, INT, AT(health.stop_signal),
     "Number of the signal that asks it to end (default: 15)"},
    {"health-stop-timeout", 0, INT, AT(health.stop_timeout),
     "Seconds until SIGKILL (default: 10; negative: never)"},
    {"health-state-file", 0, STRING, AT(health.state_file), "File for the state as JSON"},
    {"health-event-file", 0, STRING, AT(health.event_file), "File to append events to"},
    {"health-log-count", 0, INT, AT(health.log_count), "Results to keep (default: 5)"},
    {"health-log-size", 0, INT, AT(health.log_size), "Bytes of output to keep (default: 500)"},
    {"health-startup-process-spec", 0, STRING, AT(health.startup_process_spec),
     "OCI process to check with until it has succeeded"},
    {"health-startup-interval", 0, DURATION, AT(health.startup_interval_ms),
     "Time between start-up checks (default: 30s)"},
    {"health-startup-timeout", 0, DURATION, AT(health.startup_timeout_ms),
     "Time one start-up check may take (default: 30s)"},
    {"health-startup-retries", 0, INT, AT(health.startup_retries),
     "Start-up failures until the container is restarted (default: 0, never)"},
    {"health-startup-successes", 0, INT, AT(health.startup_successes),
     "Start-up successes needed (default: 1)"},
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

static const struct option_spec *find_long(const char *name, size_t length)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if (strlen(specs[i].name) == length && memcmp(specs[i].name, name, length) == 0)
            return &specs[i];
    return NULL;
}

static const struct option_spec *find_short(char letter)
{
    for (size_t i = 0; i < SPEC_COUNT; i++)
        if (letter != '\0' && specs[i].letter == letter)
            return &specs[i];
    return NULL;
}

/* "1h2m3.5s", "500ms", or bare seconds, as Go's and podman's durations are written. */
static int parse_duration(const char *text, int64_t *result)
{
    int64_t total = 0;
    if (*text == '\0')
        return -1;
    while (*text != '\0') {
        char *end;
        if (*text < '0' || *text > '9')
            return -1;
        errno = 0;
        long whole = strtol(text, &end, 10);
        if (errno != 0 || whole > 1000000000L)
            return -1;
        int64_t thousandths = 0;
        if (*end == '.') {
            int64_t place = 100;
            for (end++; *end >= '0' && *end <= '9'; end++, place /= 10)
                thousandths += (*end - '0') * place;
        }
        int64_t unit = 1000;
        if (strncmp(end, "ms", 2) == 0) {
            unit = 1;
            end += 2;
        } else if (*end == 's') {
            end++;
        } else if (*end == 'm') {
            unit = 60 * 1000;
            end++;
        } else if (*end == 'h') {
            unit = 3600 * 1000;
            end++;
        } else if (*end != '\0') {
            return -1;
        }
        total += whole * unit + thousandths * unit / 1000;
        if (total > INT64_MAX / 4)
            return -1;
        text = end;
    }
    *result = total;
    return 0;
}

static int store_number(void *slot, const struct option_spec *spec, const char *value, char *error,
                        size_t error_size)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 0);
    if (*value == '\0' || *end != '\0') {
        snprintf(error, error_size, "Cannot parse integer value \"%.80s\" for --%s", value, spec->name);
        return -1;
    }
    if (errno == ERANGE || (spec->kind == INT && (number > INT_MAX || number < INT_MIN))) {
        snprintf(error, error_size, "Integer value \"%.80s\" for --%s out of range", value, spec->name);
        return -1;
    }
    if (spec->kind == INT)
        *(int *)slot = (int)number;
    else
        *(int64_t *)slot = number;
    return 0;
}

static int append(struct string_list *list, char *value, int argc, char *error, size_t error_size)
{
    /* argv cannot hold more values than it has words, so one allocation is enough. */
    if (list->items == NULL)
        list->items = calloc((size_t)argc + 1, sizeof(char *));
    if (list->items == NULL) {
        snprintf(error, error_size, "no memory for options");
        return -1;
    }
    list->items[list->count++] = value;
    return 0;
}

static int store(struct options *options, const struct option_spec *spec, char *value, int argc,
                 char *error, size_t error_size)
{
    void *slot = (char *)options + spec->offset;
    switch (spec->kind) {
    case FLAG:
        *(bool *)slot = true;
        return 0;
    case STRING:
        *(char **)slot = value;
        return 0;
    case LIST:
        return append(slot, value, argc, error, error_size);
    case INT:
    case INT64:
        return store_number(slot, spec, value, error, error_size);
    case DURATION:
        if (parse_duration(value, slot) == 0)
            return 0;
        snprintf(error, error_size, "Cannot parse duration \"%.80s\" for --%s", value, spec->name);
    }
    return -1;
}

static void set_defaults(struct options *options)
{
    memset(options, 0, sizeof(*options));
    options->log_size_max = options->log_global_size_max = -1;
    options->log_max_files = 1;
    options->socket_dir = (char *)DEFAULT_SOCKET_DIR;
    options->health = (struct health_options){
        .on_failure = (char *)HEALTH_ACTION_NONE,
        .stop_signal = SIGTERM, .stop_timeout = 10,
        .interval_ms = 30000, .timeout_ms = 30000, .retries = 3,
        .startup_interval_ms = 30000, .startup_timeout_ms = 30000, .startup_successes = 1,
        .log_count = 5, .log_size = 500,
    };
}

int options_parse(struct options *options, int argc, char **argv, char *error, size_t error_size)
{
    set_defaults(options);
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0')
            continue;
        if (word[1] == '-') {
            if (word[2] == '\0')
                return 0;
            char *equals = strchr(word + 2, '=');
            size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
            const struct option_spec *spec = find_long(word + 2, length);
            if (spec == NULL || (spec->kind == FLAG && equals != NULL)) {
                snprintf(error, error_size, "Unknown option %.100s", word);
                return -1;
            }
            char *value = equals ? equals + 1 : NULL;
            if (spec->kind != FLAG && value == NULL) {
                if (i + 1 >= argc) {
                    snprintf(error, error_size, "Missing argument for --%s", spec->name);
                    return -1;
                }
                value = argv[++i];
            }
            if (store(options, spec, value, argc, error, error_size) < 0)
                return -1;
            continue;
        }
        for (char *letter = word + 1; *letter != '\0'; letter++) {
            const struct option_spec *spec = find_short(*letter);
            if (spec == NULL) {
                snprintf(error, error_size, "Unknown option -%c", *letter);
                return -1;
            }
            char *value = NULL;
            if (spec->kind != FLAG) {
                value = letter[1] != '\0' ? letter + 1 : i + 1 < argc ? argv[++i] : NULL;
                if (value == NULL) {
                    snprintf(error, error_size, "Missing argument for -%c", *letter);
                    return -1;
                }
            }
            if (store(options, spec, value, argc, error, error_size) < 0)
                return -1;
            if (value != NULL)
                break;
        }
    }
    return 0;
}

void options_free(struct options *options)
{
    struct string_list *lists[] = {&options->exit_args, &options->runtime_args,
                                   &options->runtime_opts, &options->log_paths,
                                   &options->log_labels, &options->log_allowlist};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        free(lists[i]->items);
        *lists[i] = (struct string_list){0};
    }
}

void options_help(FILE *stream)
{
    fputs("Usage:\n  conmon [OPTION…]\n\nMonitor of one container: its output to logs (k8s-file, "
          "json-file, journald), its terminal,\nattached clients, its end. See conmon(8).\n\n"
          "Options:\n", stream);
    for (size_t i = 0; i < SPEC_COUNT; i++) {
        const struct option_spec *spec = &specs[i];
        if (spec->help == NULL)
            continue;
        char letter[8] = "    ";
        if (spec->letter != '\0')
            snprintf(letter, sizeof(letter), "-%c, ", spec->letter);
        char name[64];
        snprintf(name, sizeof(name), "--%s%s", spec->name, spec->kind == FLAG ? "" : "=VALUE");
        fprintf(stream, "  %s%-36s %s\n", letter, name, spec->help);
    }
}
