/* A process of its own session that holds new namespaces open, made in steps so that the caller can write the
 * id maps in between: oci_namespace_child → maps → oci_namespace_child_finish. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pause_image.h"

enum { SYNC_FD = 3 }; /* pause.c knows it by this number */

enum step { STEP_READY, STEP_FORK, STEP_UNSHARE, STEP_IDS, STEP_SESSION };

struct message {
  enum step step;
  int number;
  pid_t pid;
};

static void tell(int fd, enum step step, int number)
{
  struct message message = {.step = step, .number = number, .pid = getpid()};
  while (write(fd, &message, sizeof(message)) < 0 && errno == EINTR)
    ;
}

/* Writes to fd once it can be told from any other process, which is what _finish waits for: whoever looked before
 * that would take it for a recycled pid, and make another namespace. */
static void become_pause(int fd)
{
  static char *const arguments[] = {(char *)"podman pause", NULL};
  /* podman tells a live pause process from a recycled pid by this variable. */
  static char *const environment[] = {(char *)"_PODMAN_PAUSE=1", NULL};
  int image = memfd_create("pypod-pause", MFD_CLOEXEC);
  fcntl(fd, F_SETFD, 0); /* the image writes to it, see pause.c */
  if (image >= 0 && write(image, pause_image, sizeof(pause_image)) == (ssize_t)sizeof(pause_image))
    fexecve(image, arguments, environment);
  /* No memory files, or executing them is forbidden (vm.memfd_noexec): stay as we are. */
  prctl(PR_SET_NAME, "podman pause", 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* the change of ids took it, and with it what /proc tells */
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGTERM);
  signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  while (write(fd, "r", 1) < 0 && errno == EINTR)
    ;
  close(fd);
  for (;;)
    pause();
}

/* Only async-signal-safe calls from here on: the caller may have threads. */
static void hold_namespaces(int fd, int flags)
{
  if (unshare(flags) < 0) {
    tell(fd, STEP_UNSHARE, errno);
    _exit(1);
  }
  tell(fd, STEP_READY, 0);
  char go;
  ssize_t got;
  while ((got = read(fd, &go, 1)) < 0 && errno == EINTR)
    ;
  if (got != 1)
    _exit(0);
  /* The raw calls: the C library's would signal threads that do not exist in this copy. */
  if ((flags & CLONE_NEWUSER) && (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)) {
    tell(fd, STEP_IDS, errno);
    _exit(1);
  }
  if (chdir("/") < 0) {
    tell(fd, STEP_SESSION, errno);
    _exit(1);
  }
  tell(fd, STEP_READY, 0);
  become_pause(fd);
}

static void detach(int fd, int flags)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(fd, SYNC_FD) < 0) {
    tell(fd, STEP_SESSION, errno);
    _exit(1);
  }
  /* Nothing of the caller's may stay open in a process that outlives it: locks, pipes, terminals. */
  syscall(SYS_close_range, 4U, ~0U, 0U);
  fd = SYNC_FD;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  setsid();
  pid_t child = fork();
  if (child < 0) {
    tell(fd, STEP_FORK, errno);
    _exit(1);
  }
  if (child == 0)
    hold_namespaces(fd, flags);
  _exit(0);
}

static int receive(int fd, struct message *message, struct oci_error *error)
{
  static const char *const doing[] = {
      [STEP_READY] = "starting pause process", [STEP_FORK] = "forking pause process",
      [STEP_UNSHARE] = "creating namespaces",  [STEP_IDS] = "becoming root in the user namespace",
      [STEP_SESSION] = "detaching pause process",
  };
  ssize_t got;
  while ((got = read(fd, message, sizeof(*message))) < 0 && errno == EINTR)
    ;
  if (got < 0)
    return oci_fail(error, NULL, "reading from pause process");
  if (got != (ssize_t)sizeof(*message)) {
    errno = ECHILD;
    return oci_fail(error, NULL, "pause process ended");
  }
  if (message->number != 0) {
    errno = message->number;
    return oci_fail(error, NULL, "%s", doing[message->step]);
  }
  return 0;
}

/* Returns the pid of a detached process in new namespaces, waiting for _finish; -1 on failure. Closing *sync_fd
 * without _finish ends it. */
int oci_namespace_child(int flags, int *sync_fd, struct oci_error *error)
{
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return oci_fail(error, NULL, "creating socket pair");
  pid_t child = fork();
  if (child < 0) {
    oci_fail(error, NULL, "forking");
    close(pair[0]);
    close(pair[1]);
    return -1;
  }
  if (child == 0)
    detach(pair[1], flags);
  close(pair[1]);
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  struct message message;
  if (receive(pair[0], &message, error) < 0) {
    close(pair[0]);
    return -1;
  }
  *sync_fd = pair[0];
  return message.pid;
}

int oci_namespace_child_finish(int sync_fd, struct oci_error *error)
{
  struct message message;
  if (write(sync_fd, "g", 1) != 1)
    return oci_fail(error, NULL, "writing to pause process");
  if (receive(sync_fd, &message, error) < 0)
    return -1;
  char rest;
  ssize_t got;
  while ((got = read(sync_fd, &rest, 1)) < 0 && errno == EINTR)
    ;
  if (got < 0)
    return oci_fail(error, NULL, "waiting for pause process");
  return 0;
}
