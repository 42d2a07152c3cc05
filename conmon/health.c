/*
 * Runs "RUNTIME … exec --process SPEC CID" every interval and counts. Checks start when the
 * container's own program does, which shows in the name of its process: before, that is the runtime's.
 */
#include "health.h"

#include "children.h"
#include "diag.h"
#include "files.h"
#include "loop.h"
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HEALTH_PIDFILE "health.pid"
#define START_POLL_MS 100
#define KILL_GRACE_MS 2000
/* What is kept where the options say "all": enough for people, and an end for memory. */
#define HEALTH_OUTPUT_MAX (1024 * 1024)
#define HEALTH_RESULTS_MAX 10000
#define OPTIONS_MAX 65536
#define OPTIONS_WORDS_MAX 64

static void run_check(struct conmon *c);

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool starting_up(const struct conmon *c)
{
    return c->options.health.startup_process_spec != NULL && !c->health.startup_done;
}

static int64_t interval_of(const struct conmon *c)
{
    return starting_up(c) ? c->options.health.startup_interval_ms : c->options.health.interval_ms;
}

/* at_once: the first check of its kind, or the first with another interval; podman's timers start with one, too. */
static void schedule(struct conmon *c, bool at_once)
{
    int64_t interval = interval_of(c);
    timer_cancel(c, TIMER_HEALTH);
    if (c->health.run_again || (at_once && interval > 0))
        run_check(c);
    else if (interval > 0)
        timer_start(c, TIMER_HEALTH, interval, run_check);
}

/* Bytes of output kept of a check. */
static size_t output_limit(const struct conmon *c)
{
    int size = c->options.health.log_size;
    return size > 0 ? (size_t)size : HEALTH_OUTPUT_MAX;
}

static void on_check_output(struct conmon *c, struct source *source, uint32_t events)
{
    (void)events;
    ssize_t count = read(source->fd, c->io, sizeof(c->io));
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        loop_close(c, source);
    if (count <= 0)
        return;
    size_t limit = output_limit(c);
    size_t room = limit > c->health.text_size ? limit - c->health.text_size : 0;
    size_t size = (size_t)count < room ? (size_t)count : room;
    if (size > 0) {
        char *longer = realloc(c->health.text, c->health.text_size + size + 1);
        if (longer == NULL)
            return;
        c->health.text = longer;
    }
    if (size == 0)
        return;
    memcpy(c->health.text + c->health.text_size, c->io, size);
    c->health.text_size += size;
}

static void remember(struct conmon *c, int exit_code)
{
    struct health_check *h = &c->health;
    struct health_result result = {.start_ns = h->started_ns, .end_ns = now_ns(), .exit_code = exit_code,
                                   .output = strndup(h->text != NULL ? h->text : "", h->text_size)};
    int keep = c->options.health.log_count > 0 ? c->options.health.log_count : HEALTH_RESULTS_MAX;
    while (h->log_used >= keep) {
        free(h->log[0].output);
        memmove(h->log, h->log + 1, (size_t)(h->log_used - 1) * sizeof(*h->log));
        h->log_used--;
    }
    struct health_result *longer = realloc(h->log, ((size_t)h->log_used + 1) * sizeof(*h->log));
    if (longer == NULL) {
        free(result.output);
        return;
    }
    h->log = longer;
    h->log[h->log_used++] = result;
}

static void finish_stop(struct conmon *c)
{
    children_signal_container(c, SIGKILL);
}

static void act(struct conmon *c, const char *action)
{
    if (strcmp(action, HEALTH_ACTION_NONE) == 0 || strcmp(c->health.action, HEALTH_ACTION_NONE) != 0)
        return;
    c->health.action = action;
    info(c, "container is unhealthy: %s", action);
    const struct health_options *o = &c->options.health;
    if (strcmp(action, HEALTH_ACTION_KILL) == 0 || o->stop_timeout == 0) {
        children_signal_container(c, SIGKILL);
        return;
    }
    /* "restart" is finished by the exit command, which reads the action in the state file. */
    children_signal_container(c, o->stop_signal);
    if (o->stop_timeout > 0)
        timer_start(c, TIMER_STOP, (int64_t)o->stop_timeout * 1000, finish_stop);
}

static void judge(struct conmon *c, int exit_code)
{
    const struct health_options *o = &c->options.health;
    struct health_check *h = &c->health;
    const char *before = h->status;
    const char *action = HEALTH_ACTION_NONE;
    bool first = false;
    h->checks++;
    h->last_exit_code = exit_code;
    if (starting_up(c)) {
        h->successes = exit_code == 0 ? h->successes + 1 : 0;
        h->streak = exit_code == 0 ? 0 : h->streak + 1;
        if (h->successes >= o->startup_successes) {
            h->startup_done = first = true;
            h->run_started_ms = now_ms();
        } else if (o->startup_retries > 0 && h->streak >= o->startup_retries) {
            h->status = HEALTH_STATUS_UNHEALTHY;
            action = HEALTH_ACTION_RESTART;
        }
    } else if (exit_code == 0) {
        h->streak = 0;
        h->status = HEALTH_STATUS_HEALTHY;
    } else if (strcmp(h->status, HEALTH_STATUS_STARTING) != 0 ||
               now_ms() - h->run_started_ms >= o->start_period_ms) {
        h->streak++;
        if (h->streak >= o->retries) {
            h->status = HEALTH_STATUS_UNHEALTHY;
            action = o->on_failure;
        }
    }
    remember(c, exit_code);
    act(c, action);
    struct health_result latest = {.exit_code = exit_code,
                                   .output = h->log_used > 0 ? h->log[h->log_used - 1].output : NULL};
    health_publish(c, strcmp(before, h->status) != 0, &latest);
    if (c->phase == PHASE_RUN)
        schedule(c, first);
}

static char *pidfile_path(struct conmon *c)
{
    return path_join(c->options.bundle, HEALTH_PIDFILE);
}

/* A pidfd of the command, which is a child of the runtime that runs the check; -1 when there is none. */
static int open_check_process(struct conmon *c)
{
    char path[64], text[512];
    char *name = pidfile_path(c);
    int pid = name != NULL && file_read(name, text, sizeof(text)) > 0 ? atoi(text) : -1;
    free(name);
    int fd = pid > 1 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd < 0)
        return -1;
    /* Only now is it certain whose number that is. "PID (NAME) STATE PPID …"; the name may hold anything. */
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    const char *end = file_read(path, text, sizeof(text)) > 0 ? strrchr(text, ')') : NULL;
    if (end != NULL && strlen(end) > 4 && atoi(end + 4) == c->health.pid)
        return fd;
    close(fd);
    return -1;
}

static void kill_check(struct conmon *c)
{
    if (c->health.pid > 0)
        kill(-c->health.pid, SIGKILL);
}

/* The command runs inside the container; killing only the runtime would leave it there. */
static void check_expired(struct conmon *c)
{
    c->health.timed_out = true;
    int command = open_check_process(c);
    if (command < 0 || syscall(SYS_pidfd_send_signal, command, SIGKILL, NULL, 0) < 0)
        kill_check(c);
    if (command >= 0)
        close(command);
    timer_start(c, TIMER_HEALTH_LIMIT, KILL_GRACE_MS, kill_check);
}

bool health_child_ended(struct conmon *c, pid_t pid, int status)
{
    if (c->health.pid <= 0 || pid != c->health.pid)
        return false;
    c->health.pid = -1;
    timer_cancel(c, TIMER_HEALTH_LIMIT);
    if (c->health.output.fd >= 0) {
        on_check_output(c, &c->health.output, 0);
        loop_close(c, &c->health.output);
    }
    if (c->health.given_up)
        c->health.given_up = false;
    else if (c->phase == PHASE_RUN)
        judge(c, c->health.timed_out ? HEALTH_EXIT_TIMED_OUT : exit_code_of(status));
    return true;
}

static _Noreturn void exec_check(struct conmon *c, const char *spec, char *pidfile, int output)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    const struct options *o = &c->options;
    char **argv = calloc(o->runtime_args.count + 8, sizeof(char *));
    if (argv == NULL)
        _exit(127);
    size_t n = 0;
    argv[n++] = o->runtime;
    for (size_t i = 0; i < o->runtime_args.count; i++)
        argv[n++] = o->runtime_args.items[i];
    argv[n++] = (char *)"exec";
    argv[n++] = (char *)"--pid-file";
    argv[n++] = pidfile;
    argv[n++] = (char *)"--process";
    argv[n++] = (char *)spec;
    argv[n++] = o->cid;
    runtime_restore_process(c);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "conmon: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void run_check(struct conmon *c)
{
    struct health_check *h = &c->health;
    const struct health_options *o = &c->options.health;
    int ends[2] = {-1, -1};
    if (h->pid > 0) { /* one that was given up is about to end */
        timer_start(c, TIMER_HEALTH, START_POLL_MS, run_check);
        return;
    }
    h->run_again = false;
    h->text_size = 0;
    h->timed_out = false;
    h->started_ns = now_ns();
    char *pidfile = pidfile_path(c);
    pid_t pid = -1;
    if (pidfile != NULL && pipe2(ends, O_CLOEXEC) == 0) {
        unlink(pidfile);
        pid = fork();
    }
    if (pid == 0)
        exec_check(c, starting_up(c) ? o->startup_process_spec : o->process_spec, pidfile, ends[1]);
    free(pidfile);
    if (ends[1] >= 0)
        close(ends[1]);
    if (pid < 0) {
        warn(c, "Failed to run the health check: %s", strerror(errno));
        if (ends[0] >= 0)
            close(ends[0]);
        judge(c, HEALTH_EXIT_CANNOT_RUN);
        return;
    }
    h->pid = pid;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    h->output = (struct source){.fd = ends[0], .ready = on_check_output};
    if (!loop_try_watch(c, &h->output, EPOLLIN))
        warn(c, "Failed to watch the output of the health check: %s", strerror(errno));
    timer_start(c, TIMER_HEALTH_LIMIT, starting_up(c) ? o->startup_timeout_ms : o->timeout_ms, check_expired);
}

/* Reads the name of the container's process: it changes when its own program is executed. */
static void wait_for_program(struct conmon *c)
{
    char path[64], name[32];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)c->container_pid);
    if (file_read(path, name, sizeof(name)) >= 0 && strcmp(name, c->health.created_as) == 0) {
        timer_start(c, TIMER_HEALTH, START_POLL_MS, wait_for_program);
        return;
    }
    c->health.run_started_ms = now_ms();
    schedule(c, true);
}

/* running: the container's own program runs already, nothing has to be waited for. */
static void begin(struct conmon *c, bool running)
{
    struct health_check *h = &c->health;
    const struct health_options *o = &c->options.health;
    if (o->process_spec == NULL)
        return;
    if (c->options.bundle == NULL)
        fail(c, "health checks need a bundle");
    h->status = HEALTH_STATUS_STARTING;
    h->action = HEALTH_ACTION_NONE;
    h->startup_done = o->startup_process_spec == NULL;
    /* A check on request may come before the program runs; the time that counts begins anew then. */
    h->run_started_ms = now_ms();
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)c->container_pid);
    if (running || file_read(path, h->created_as, sizeof(h->created_as)) < 0)
        h->created_as[0] = '\0';
    health_publish(c, true, NULL);
    wait_for_program(c);
}

void health_start(struct conmon *c)
{
    begin(c, c->options.restore != NULL);
}

void health_run_now(struct conmon *c)
{
    if (c->health.status == NULL || c->phase != PHASE_RUN)
        return;
    c->health.run_again = true;
    if (c->health.pid <= 0) {
        timer_cancel(c, TIMER_HEALTH);
        run_check(c);
    }
}

/* Splits the file's lines into words; strings of the options point into *text afterwards. */
static int read_options(struct conmon *c, char *text, struct options *fresh, char *error, size_t error_size)
{
    char *words[OPTIONS_WORDS_MAX + 2] = {(char *)"conmon"};
    int count = 1;
    char *rest = text;
    for (char *word = strtok_r(text, "\n", &rest); word != NULL; word = strtok_r(NULL, "\n", &rest)) {
        if (count > OPTIONS_WORDS_MAX) {
            snprintf(error, error_size, "too many words");
            return -1;
        }
        words[count++] = word;
    }
    if (options_parse(fresh, count, words, error, error_size) < 0)
        return -1;
    (void)c;
    return options_check_health(&fresh->health, error, error_size);
}

void health_reload(struct conmon *c)
{
    struct health_check *h = &c->health;
    struct options fresh;
    char error[256] = "";
    char *path = path_join(c->options.bundle, HEALTH_OPTIONS_FILE);
    char *text = calloc(1, OPTIONS_MAX);
    if (path == NULL || text == NULL || file_read(path, text, OPTIONS_MAX) < 0 ||
        read_options(c, text, &fresh, error, sizeof(error)) < 0) {
        warn(c, "Failed to take new health check options: %s", error[0] ? error : strerror(errno));
        free(path);
        free(text);
        return;
    }
    free(path);
    options_free(&fresh);
    bool ran = h->status != NULL;
    int64_t interval = interval_of(c);
    c->options.health = fresh.health;
    free(h->reloaded);
    h->reloaded = text;
    if (fresh.health.process_spec == NULL) {
        if (ran)
            health_finish(c);
        h->status = NULL;
    } else if (!ran) {
        begin(c, true);
    } else {
        h->startup_done = fresh.health.startup_process_spec == NULL;
        health_publish(c, false, NULL);
        if (h->pid <= 0)
            schedule(c, interval_of(c) != interval);
    }
}

void health_finish(struct conmon *c)
{
    struct health_check *h = &c->health;
    if (h->status == NULL)
        return;
    timer_cancel(c, TIMER_HEALTH);
    timer_cancel(c, TIMER_HEALTH_LIMIT);
    timer_cancel(c, TIMER_STOP);
    kill_check(c);
    h->given_up = h->pid > 0;
    loop_close(c, &h->output);
    h->status = HEALTH_STATUS_STOPPED;
    health_publish(c, true, NULL);
}
