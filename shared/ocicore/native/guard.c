/* A command with a process between it and us that ends it, and whatever it started, when it is told to or when we are
 * gone, even by SIGKILL: an OCI runtime's containers live on when the runtime dies, and nobody else would end them.
 *
 * The guard is the subreaper of everything below it. SIGTERM, also that of PR_SET_PDEATHSIG, makes it kill its children
 * until none is left: those of a runtime that died become its own. Only async-signal-safe calls, our caller has threads. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED = 128 + SIGKILL, NOT_STARTED = 127 };

struct command {
  char *const *argv;
  char *const *env;
  char *const *after;
  const int *numbers;
  const int *sources;
  size_t count;
};

static void report(int fd, int number)
{
  while (write(fd, &number, sizeof(number)) < 0 && errno == EINTR)
    ;
}

/* Ready for exec: nothing blocked, and no handler of the caller's left that would swallow a signal in the meantime. Python
 * ignores two; an ignored signal is inherited through exec, and programs count on the default. */
static void plain_signals(void)
{
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0)
      continue;
    if (action.sa_handler != SIG_IGN || number == SIGPIPE || number == SIGXFSZ)
      signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct command *command, int error_fd, pid_t guard)
{
  /* When the guard itself is killed its command goes with it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != guard)
    _exit(KILLED);
  for (size_t i = 0; i < command->count; i++)
    if (dup2(command->sources[i], command->numbers[i]) < 0)
      goto failed;
  plain_signals();
  execve(command->argv[0], command->argv, command->env);
failed:
  report(error_fd, errno);
  _exit(NOT_STARTED);
}

/* Nothing of the caller's stays open in the guard: whoever reads what the command writes waits for its end. */
static void let_go(void)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd < 3; fd++)
    dup2(null, fd);
  syscall(SYS_close_range, 3U, ~0U, 0U);
}

/* SIGKILL for every child there is now; 0 where the kernel does not list them. */
static int kill_children(void)
{
  static const char path[] = "/proc/thread-self/children";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  char text[4096];
  pid_t pid = 0;
  ssize_t got;
  while ((got = read(fd, text, sizeof(text))) > 0)
    for (ssize_t i = 0; i < got; i++) {
      if (text[i] >= '0' && text[i] <= '9') {
        pid = pid * 10 + (text[i] - '0');
      } else if (pid > 1) {
        kill(pid, SIGKILL);
        pid = 0;
      }
    }
  close(fd);
  return 1;
}

static void end_everything(pid_t first)
{
  pid_t ended = 0;
  kill(first, SIGKILL);
  for (;;) {
    if (!kill_children() && ended == first)
      return;
    ended = waitpid(-1, NULL, 0);
    if (ended < 0 && errno != EINTR)
      return;
  }
}

/* What is left to be done once everything was killed, such as making the runtime forget a container. */
static void clean_up(const struct command *command)
{
  pid_t pid = fork();
  if (pid == 0) {
    plain_signals();
    execve(command->after[0], command->after, command->env);
    _exit(NOT_STARTED);
  }
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

__attribute__((noreturn)) static void guard(const struct command *command, int error_fd, pid_t parent)
{
  signal(SIGCHLD, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  prctl(PR_SET_NAME, "build guard", 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (getppid() != parent)
    _exit(KILLED);
  pid_t self = getpid();
  pid_t first = fork();
  if (first == 0)
    become(command, error_fd, self);
  if (first < 0)
    report(error_fd, errno);
  let_go();
  if (first < 0)
    _exit(NOT_STARTED);
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGTERM);
  for (;;) {
    int status, signal_number = sigwaitinfo(&awaited, NULL);
    if (signal_number == SIGTERM) {
      end_everything(first);
      if (command->after != NULL && command->after[0] != NULL)
        clean_up(command);
      _exit(KILLED);
    }
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
      if (ended == first)
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
}

/* Starts argv under a guard and stores the guard's pid in *pid, the caller's to wait for: its exit status is the
 * command's, 128 + number after a signal. sources[i] becomes descriptor numbers[i]; no source may be one of the numbers. */
int oci_guarded(const char *const *argv, const char *const *env, const char *const *after, const int *numbers,
                const int *sources, size_t count, int *pid, struct oci_error *error)
{
  struct command command = {(char *const *)argv, (char *const *)env, (char *const *)after, numbers, sources, count};
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) < 0)
    return oci_fail(error, NULL, "creating pipe");
  /* The guard begins with every signal blocked, so that none reaches the caller's handlers in it. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t made = fork();
  if (made == 0)
    guard(&command, pair[1], parent);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(pair[1]);
  if (made < 0) {
    oci_fail(error, NULL, "forking");
    close(pair[0]);
    return -1;
  }
  *pid = made;
  int number = 0;
  ssize_t got;
  while ((got = read(pair[0], &number, sizeof(number))) < 0 && errno == EINTR)
    ;
  close(pair[0]);
  if (got == (ssize_t)sizeof(number)) {
    while (waitpid(made, NULL, 0) < 0 && errno == EINTR)
      ;
    *pid = 0;
    errno = number;
    return oci_fail(error, argv[0], "starting");
  }
  return 0;
}
