/* Tries the fake host of native tests, on the plugin in chain.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "wrun.h"

int main(void) {
  wrun_test_begin();
  WRUN_CHECK(wrun_test_run("chain", "{\"left\":100}") == WRUN_OK);
  WRUN_CHECK(!strcmp(wrun_test_output("n.txt"), "100\n"));

  /* What only begins like /in is none of the task's folders; /in itself is read-only. */
  WRUN_CHECK(!fopen("/into/none", "w") && errno == ENOENT);
  WRUN_CHECK(!fopen("/in/none", "w") && errno == EROFS);
  WRUN_CHECK(mkdir("/in/none", 0777) && errno == EROFS);

  /* A link in the folder that is thrown away leads out of it: what it leads to stays. */
  FILE *out = fopen("/out/here", "w");
  char link[4096];
  ssize_t length = readlink(wrun_format("/proc/self/fd/%d", fileno(out)), link, sizeof link - 1);
  WRUN_CHECK(length > 0 && !fclose(out));
  link[length] = 0;
  WRUN_CHECK(!symlink(getenv("PRECIOUS"), wrun_format("%s-link", link)));
  wrun_test_begin();
  WRUN_CHECK(!wrun_test_output("here"));
  return 0;
}
