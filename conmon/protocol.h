/*
 * The monitor's contract with its parent, with attach clients and with whoever reads its files.
 * The numbers and names up to "extensions" are those of upstream conmon 2.1/2.2 (API version 0
 * and 1); they may not change. ocicore/runtime/monitor_protocol.py repeats them for Python, and
 * tests/conmon/test_protocol.py compares the two. Every macro here is a plain number or string.
 */
#ifndef CONMON_PROTOCOL_H
#define CONMON_PROTOCOL_H

/* The upstream release whose contract is kept; callers compare it with what they need. */
#define CONMON_VERSION "2.2.1"

/*
 * Descriptors handed down by number in the environment.
 *
 * sync pipe (written by conmon), one JSON object a line, {"KEY": NUMBER} or
 *     {"KEY": NUMBER, "message": "TEXT"}. KEY is "data" with --api-version; without it "pid" for
 *     create and restore, "exit_code" for exec.
 *       create, restore: the container's pid, or -1 and what went wrong.
 *       exec:            the pid (only with --api-version), or -1 and what went wrong; then,
 *                        when the command has ended, its exit status (-1 when it was killed
 *                        after --timeout, with the message SYNC_TIMED_OUT).
 * start pipe (read by conmon): conmon does nothing before one byte (or end-of-file) arrives, so
 *     that the parent can move it into a cgroup. With --exec-attach it waits for a second one
 *     before the command is started, so that no output is lost.
 * attach pipe (written by conmon, --exec-attach only): {"data": 0} when the attach socket is
 *     ready, {"data": -1, "message": …} when it could not be made.
 */
#define ENV_SYNC_PIPE "_OCI_SYNCPIPE"
#define ENV_START_PIPE "_OCI_STARTPIPE"
#define ENV_ATTACH_PIPE "_OCI_ATTACHPIPE"

#define SYNC_KEY_DATA "data"
#define SYNC_KEY_PID "pid"
#define SYNC_KEY_EXIT_CODE "exit_code"
#define SYNC_KEY_MESSAGE "message"
#define SYNC_FAILED -1
#define SYNC_TIMED_OUT "command timed out"

/*
 * Attach socket: SOCK_SEQPACKET, BUNDLE/attach. With --full-attach clients use that path; without
 * it SOCKET_DIR/CUUID is a symbolic link to the bundle, so that a long path fits into sun_path.
 * conmon -> client: one byte of stream number, then up to ATTACH_PAYLOAD_MAX bytes of output.
 * client -> conmon: bytes for the container's stdin; shutdown(SHUT_WR) is end-of-file.
 */
#define ATTACH_SOCKET_NAME "attach"
#define ATTACH_STREAM_STDIN 1
#define ATTACH_STREAM_STDOUT 2
#define ATTACH_STREAM_STDERR 3
#define ATTACH_PAYLOAD_MAX 8192
#define DEFAULT_SOCKET_DIR "/var/run/crio"

/*
 * FIFOs in the bundle, text, one message a line.
 *   ctl:   "1 HEIGHT WIDTH" resizes the terminal, "2 0 0" reopens (or, with --log-rotate, rotates)
 *          the logs, "3 0 0" runs the health check now, "4 0 0" takes new health check options from
 *          HEALTH_OPTIONS_FILE in the bundle (one --health-… word a line; none ends the checks).
 *          The two numbers must always be there.
 *   winsz: "HEIGHT WIDTH".
 * Lines that do not fit into CONTROL_LINE_MAX, or sizes outside 0..WINDOW_SIZE_MAX, are ignored.
 */
#define CONTROL_FIFO_NAME "ctl"
#define WINSZ_FIFO_NAME "winsz"
#define CONTROL_RESIZE 1
#define CONTROL_REOPEN_LOGS 2
#define CONTROL_HEALTH_RUN 3
#define CONTROL_HEALTH_RELOAD 4
#define CONTROL_LINE_MAX 200
#define WINDOW_SIZE_MAX 1000

/* Service notification: datagrams sent to this socket in the bundle reach --sdnotify-socket. */
#define NOTIFY_SOCKET_NAME "notify/notify.sock"

/*
 * Files. The exit status is decimal text without a newline; 128+N for a signal N. It is put in place by
 * rename(2), so a reader sees all or nothing. "oom" is empty; that it exists is the message.
 *   PERSIST_DIR/exit, PERSIST_DIR/oom, BUNDLE/oom, EXIT_DIR/CID
 */
#define EXIT_FILE_NAME "exit"
#define OOM_FILE_NAME "oom"

/*
 * Log formats.
 *   k8s-file:  "2006-01-02T15:04:05.000000000+00:00 stdout F text\n"; P instead of F: the line
 *              goes on in the next record of the same stream.
 *   json-file: {"log":"text\n","stream":"stdout","time":"2006-01-02T15:04:05.000000000Z"}; no "\n"
 *              at the end of "log": the line goes on. Tag and labels are in "attrs".
 *   journald:  the native protocol, one entry a line.
 * Rotated files are PATH.1 (youngest) … PATH.N.
 */
#define K8S_TAG_FULL "F"
#define K8S_TAG_PARTIAL "P"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* ---- extensions: upstream has none of what follows, and ignores or refuses it ---- */

/*
 * owner pipe: the read end of a pipe whose write end is held by the program attached to a
 * foreground container. When the container has ended and the pipe is not yet hung up, that program
 * cleans up and conmon leaves the exit command out; hung up (it was killed, or detached): conmon
 * runs the exit command as ever. Nothing is ever written to this pipe. It is not passed on.
 */
#define ENV_OWNER_PIPE "_OCI_OWNERPIPE"

/*
 * "ROWS COLUMNS": the size the container's terminal has from its first instruction on. A message to
 * the ctl FIFO may come too late for that. Ignored when malformed. It is not passed on.
 */
#define ENV_TERMINAL_SIZE "_OCI_TERMINALSIZE"

/*
 * Health checks (--health-…). conmon runs "RUNTIME [RUNTIME-ARGS] exec --process SPEC CID" and
 * judges by its exit status: 0 is healthy. After each check and each change of status the state
 * file is replaced (rename) by one JSON object:
 *   {"Version": 1, "Status": "starting|healthy|unhealthy|stopped", "FailingStreak": N,
 *    "StartupDone": BOOL, "Action": "none|kill|restart|stop", "Checks": N, "ExitCode": N,
 *    "Log": [{"Start": TIME, "End": TIME, "ExitCode": N, "Output": "text"}, … oldest first]}
 * "Checks" counts the checks so far, "ExitCode" is the last one's.
 * "Action" is what was done (to be finished by the exit command when it is "restart"); "Log" keeps
 * --health-log-count entries whose Output is cut at --health-log-size bytes; 0 keeps (nearly) all.
 * With an interval of 0 checks run on request only. A check that took
 * longer than --health-timeout has ExitCode HEALTH_EXIT_TIMED_OUT; one that could not be run
 * HEALTH_EXIT_CANNOT_RUN.
 * The event file gets one line appended for each check and each change of status:
 *   {"Time": TIME, "Type": "health_status", "ID": CID, "Name": NAME, "Status": STATUS,
 *    "FailingStreak": N, "ExitCode": N, "Changed": BOOL, "Action": ACTION, "Check": BOOL,
 *    "Output": "text"}   Check: a check has run (else the status has changed without one)
 */
#define HEALTH_OPTIONS_FILE "health-options"
#define HEALTH_STATE_VERSION 1
#define HEALTH_EVENT_TYPE "health_status"
#define HEALTH_STATUS_STARTING "starting"
#define HEALTH_STATUS_HEALTHY "healthy"
#define HEALTH_STATUS_UNHEALTHY "unhealthy"
#define HEALTH_STATUS_STOPPED "stopped"
#define HEALTH_ACTION_NONE "none"
#define HEALTH_ACTION_KILL "kill"
#define HEALTH_ACTION_RESTART "restart"
#define HEALTH_ACTION_STOP "stop"
#define HEALTH_EXIT_TIMED_OUT -1
#define HEALTH_EXIT_CANNOT_RUN -2

#endif
