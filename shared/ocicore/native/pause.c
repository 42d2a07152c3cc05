/* The program that keeps a user and mount namespace alive: freestanding, one page of memory, no library.
 * build_native.py compiles it on its own and embeds the bytes; userns.c runs it from memory. */

#include <asm/unistd.h>

typedef unsigned long word;

static inline long call4(long number, word a, word b, word c, word d)
{
#if defined(__x86_64__)
  long result;
  register word r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register word x8 __asm__("x8") = (word)number;
  register word x0 __asm__("x0") = a;
  register word x1 __asm__("x1") = b;
  register word x2 __asm__("x2") = c;
  register word x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return (long)x0;
#else
#error "no system call convention for this processor"
#endif
}

__attribute__((noreturn)) void _start(void)
{
  /* Everything but SIGTERM (15) is blocked: a hang-up of the terminal must not end the namespace. */
  unsigned long long blocked = ~(1ULL << 14);
  /* podman's name: the process is shared with it, and scripts look for it. */
  static const char name[] = "podman pause";
  call4(__NR_prctl, 15 /* PR_SET_NAME */, (word)name, 0, 0);
  call4(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, (word)&blocked, 0, 8);
  /* SYNC_FD of userns.c, where somebody waits until the name and the environment can be seen. */
  call4(__NR_write, 3, (word)name, 1, 0);
  call4(__NR_close, 3, 0, 0, 0);
  for (;;)
    call4(__NR_ppoll, 0, 0, 0, 0);
}
