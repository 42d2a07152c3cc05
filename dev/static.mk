# How the C programs are compiled: linked statically with musl where musl-gcc is there (a third of the memory, half the start),
# else with this machine's libc; dynamically where it has no static one.

# musl-gcc knows only musl's own headers; the kernel's come after them.
KERNEL_HEADERS = -idirafter /usr/include $(patsubst %,-idirafter %,$(wildcard /usr/include/$(shell uname -m)-linux-gnu))
PROBE = printf '\#include <linux/capability.h>\nint main(void){return 0;}'
ifeq ($(origin CC),default)
ifneq ($(shell $(PROBE) | musl-gcc $(KERNEL_HEADERS) -static -x c - -o /dev/null 2>/dev/null && echo yes),)
CC = musl-gcc
LIBC_FLAGS = $(KERNEL_HEADERS)
endif
endif
STATIC := $(shell $(PROBE) | $(CC) $(LIBC_FLAGS) -static -x c - -o /dev/null 2>/dev/null && echo -static)

CFLAGS ?= -Os -g -fno-asynchronous-unwind-tables
WARN = -std=c11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
       -Wundef -Wpointer-arith
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections
LINK = -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections
