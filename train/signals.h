// Ctrl-C (SIGINT) and SIGTERM as a request that the training loop sees between two steps.
#pragma once

namespace transformlet {

// From now on, SIGINT and SIGTERM are noted instead of ending the process; but a second SIGINT ends it at once, as if
// it had never been handled (a shell sees status 130). A file that outgrows a limit (ulimit -f) becomes an Error of the
// write, as a full disk does, instead of ending the process.
void handle_signals();

// The signal that came first, SIGINT or SIGTERM, or 0 if none has come. 128 + it is the exit status to leave with.
int stop_signal();

}  // namespace transformlet
