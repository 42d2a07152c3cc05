/*
 * What an option may be set to, and which options go together. The wording of the first part is
 * upstream's: its callers and its tests look for it.
 */
#include "options.h"

#include "protocol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int refuse(char *error, size_t error_size, const char *reason)
{
    snprintf(error, error_size, "%s", reason);
    return -1;
}

static int check_log_limits(const struct options *o, char *error, size_t error_size)
{
    if (o->log_max_files < 0) {
        snprintf(error, error_size, "log-max-files must be non-negative, got %d", o->log_max_files);
        return -1;
    }
    if (o->log_rotate && o->log_max_files == 0)
        return refuse(error, error_size,
                      "log-max-files must be at least 1 when log-rotate is enabled, got 0");
    return 0;
}

int options_check_health(const struct health_options *h, char *error, size_t error_size)
{
    static const char *const actions[] = {HEALTH_ACTION_NONE, HEALTH_ACTION_KILL,
                                          HEALTH_ACTION_RESTART, HEALTH_ACTION_STOP};
    bool known = false;
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        known = known || strcmp(h->on_failure, actions[i]) == 0;
    if (!known) {
        snprintf(error, error_size,
                 "health-on-failure must be none, kill, restart or stop, got %.40s", h->on_failure);
        return -1;
    }
    if (h->process_spec == NULL) {
        if (h->startup_process_spec != NULL)
            return refuse(error, error_size,
                          "health-startup-process-spec needs a health-process-spec");
        return 0;
    }
    if (h->interval_ms < 0 || h->startup_interval_ms < 0)
        return refuse(error, error_size, "health intervals must not be negative");
    if (h->timeout_ms <= 0 || h->startup_timeout_ms <= 0)
        return refuse(error, error_size, "health timeouts must be longer than zero");
    if (h->retries < 1 || h->startup_retries < 0 || h->startup_successes < 1)
        return refuse(error, error_size, "health retries and successes must be at least 1");
    if (h->stop_signal < 1 || h->stop_signal > 64)
        return refuse(error, error_size, "health-stop-signal must be a signal's number, 1 to 64");
    if (h->log_count < 0 || h->log_size < 0)
        return refuse(error, error_size, "health-log-count and health-log-size must not be negative");
    if (h->state_file == NULL && h->event_file == NULL && strcmp(h->on_failure, HEALTH_ACTION_NONE) == 0)
        return refuse(error, error_size, "a health check needs a health-state-file, a "
                                         "health-event-file or a health-on-failure action");
    return 0;
}

int options_check(const struct options *o, char *error, size_t error_size)
{
    if (check_log_limits(o, error, error_size) < 0)
        return -1;
    if (o->cid == NULL)
        return refuse(error, error_size, "Container ID not provided. Use --cid");
    if (o->restore != NULL && o->exec)
        return refuse(error, error_size, "Cannot use 'exec' and 'restore' at the same time");
    if (o->exec_attach && !o->exec)
        return refuse(error, error_size, "Attach can only be specified with exec");
    if (o->exec_attach && !o->api_version)
        return refuse(error, error_size, "Attach can only be specified for a non-legacy exec session");
    if (o->cuuid == NULL && (!o->exec || o->api_version))
        return refuse(error, error_size, "Container UUID not provided. Use --cuuid");
    if (o->runtime == NULL)
        return refuse(error, error_size, "Runtime path not provided. Use --runtime");
    if (access(o->runtime, X_OK) < 0) {
        snprintf(error, error_size, "Runtime path %.3000s is not valid: %s", o->runtime, strerror(errno));
        return -1;
    }
    if (o->exec && o->exec_process_spec == NULL)
        return refuse(error, error_size,
                      "Exec process spec path not provided. Use --exec-process-spec");
    if (o->exit_delay < 0)
        return refuse(error, error_size,
                      "Delay before invoking exit command must be greater than or equal to 0");
    if (o->timeout < 0)
        return refuse(error, error_size, "Timeout must be greater than or equal to 0");
    if (o->seccomp_socket != NULL || o->seccomp_plugins != NULL)
        return refuse(error, error_size, "seccomp notification is not supported: remove "
                                         "--seccomp-notify-socket and --seccomp-notify-plugins");
    if (o->health.process_spec != NULL && o->exec)
        return refuse(error, error_size, "health checks cannot be used with 'exec'");
    return options_check_health(&o->health, error, error_size);
}
