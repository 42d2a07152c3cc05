/* The ctl and winsz FIFOs, and the size of the terminal. */
#ifndef CONMON_CONTROL_H
#define CONMON_CONTROL_H

#include "conmon.h"

/* One line, without its newline, of the ctl FIFO. False: not a message. Pure, for the fuzzer. */
bool control_parse(const char *line, int *type, int *height, int *width);
/* One line of the winsz FIFO. */
bool winsz_parse(const char *line, int *height, int *width);

/* Takes the size a terminal shall start with from the environment. */
void control_initial_size(struct conmon *c);
void control_open(struct conmon *c);
void control_close(struct conmon *c);
/* Sets the size asked for so far on the terminal that is there now. */
void control_apply_size(struct conmon *c);

#endif
