"""The monitor's contract in numbers and names: the Python side of conmon/protocol.h.

A test compares every constant here with the header. Hot path: no imports at all.
"""

from __future__ import annotations

#: Upstream release whose contract our conmon keeps.
CONMON_VERSION = "2.2.1"

# Descriptors passed by number in the environment.
ENV_SYNC_PIPE = "_OCI_SYNCPIPE"
ENV_START_PIPE = "_OCI_STARTPIPE"
ENV_ATTACH_PIPE = "_OCI_ATTACHPIPE"
#: Ours: hung up when the attached program is gone; then conmon runs the exit command itself.
ENV_OWNER_PIPE = "_OCI_OWNERPIPE"
#: Ours: "ROWS COLUMNS" of the terminal from the container's first instruction on; upstream's conmon ignores it.
ENV_TERMINAL_SIZE = "_OCI_TERMINALSIZE"

# Keys of the lines of JSON on the sync and attach pipes.
SYNC_KEY_DATA = "data"
SYNC_KEY_PID = "pid"
SYNC_KEY_EXIT_CODE = "exit_code"
SYNC_KEY_MESSAGE = "message"
SYNC_FAILED = -1
SYNC_TIMED_OUT = "command timed out"

# Attach socket (SOCK_SEQPACKET): one byte of stream number, then output.
ATTACH_SOCKET_NAME = "attach"
ATTACH_STREAM_STDIN = 1
ATTACH_STREAM_STDOUT = 2
ATTACH_STREAM_STDERR = 3
#: Bytes of output in one frame, without the stream number.
ATTACH_PAYLOAD_MAX = 8192
DEFAULT_SOCKET_DIR = "/var/run/crio"

# FIFOs in the bundle.
CONTROL_FIFO_NAME = "ctl"
WINSZ_FIFO_NAME = "winsz"
CONTROL_RESIZE = 1
CONTROL_REOPEN_LOGS = 2
CONTROL_HEALTH_RUN = 3
CONTROL_HEALTH_RELOAD = 4
CONTROL_LINE_MAX = 200
WINDOW_SIZE_MAX = 1000

NOTIFY_SOCKET_NAME = "notify/notify.sock"

# Files.
EXIT_FILE_NAME = "exit"
OOM_FILE_NAME = "oom"

# Logs.
K8S_TAG_FULL = "F"
K8S_TAG_PARTIAL = "P"
JOURNAL_SOCKET = "/run/systemd/journal/socket"

# Health checks run by the monitor (ours).
HEALTH_OPTIONS_FILE = "health-options"
HEALTH_STATE_VERSION = 1
HEALTH_EVENT_TYPE = "health_status"
HEALTH_STATUS_STARTING = "starting"
HEALTH_STATUS_HEALTHY = "healthy"
HEALTH_STATUS_UNHEALTHY = "unhealthy"
HEALTH_STATUS_STOPPED = "stopped"
HEALTH_ACTION_NONE = "none"
HEALTH_ACTION_KILL = "kill"
HEALTH_ACTION_RESTART = "restart"
HEALTH_ACTION_STOP = "stop"
HEALTH_EXIT_TIMED_OUT = -1
HEALTH_EXIT_CANNOT_RUN = -2
