/* Misbehaves in C: runtime/cli/tests/e2e/languages.rs builds and runs it. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "wrun.h"

static int signals(const wrun_args *args) {
  (void)args;
  __builtin_trap();
}

static int exits_well(const wrun_args *args) {
  (void)args;
  exit(0);
}

static int deep(volatile int *above) {
  volatile int room[1000];
  room[0] = *above + 1;
  return room[0] ? deep(room) + room[0] : 0;
}

static int recurses(const wrun_args *args) {
  (void)args;
  volatile int start = 1;
  return deep(&start) & 0;
}

/* A stream over what was closed: the descriptor is gone. */
static int closed(const wrun_args *args) {
  (void)args;
  FILE *out = wrun_create("out.txt");
  if (!out) return WRUN_FAILED;
  fputs("x", out);
  close(fileno(out));
  return wrun_close(out);
}

static int bad_utf8(const wrun_args *args) {
  (void)args;
  return wrun_fail("what is \xff\xc3?");
}

static int no_param(const wrun_args *args) {
  wrun_get(args, "other");
  return WRUN_OK;
}

static int too_big(const wrun_args *args) {
  return (int)wrun_int(args, "n");
}

static int silent(const wrun_args *args) {
  (void)args;
  return 7;
}

/* It looks at no result: what could not be written is not there, and it says that all is well. */
static int truncates(const wrun_args *args) {
  (void)args;
  FILE *out = fopen("/out/out.txt", "w");
  for (int i = 0; i < 100000; i++) fputs("0123456789", out);
  fclose(out);
  return WRUN_OK;
}

static int needs_in_requires(const wrun_args *args, wrun_plan *plan) {
  (void)args, (void)plan;
  wrun_need(NULL, "silent");
  return wrun_await();
}

static int bad_call(const wrun_args *args, wrun_plan *plan) {
  (void)args;
  wrun_require(plan, "x", "\xff");
  return WRUN_OK;
}

static int text_requires(const wrun_args *args, wrun_plan *plan) {
  (void)args;
  wrun_external(plan, "text", "text");
  return WRUN_OK;
}

static int bytes(const wrun_args *args) {
  (void)args;
  size_t length;
  char *read = wrun_read("text", "a", &length);
  if (!read || length != 3 || memcmp(read, "\xff\xfe", 3)) return wrun_fail("other bytes");
  return wrun_write("out.txt", read, length);
}

static int huge(const wrun_args *args) {
  (void)args;
  char *text = wrun_alloc(5000001);
  memset(text, 'x', 5000000);
  wrun_progress(-1, "%s", text);
  return wrun_write("out.txt", text, 5000000);
}

/* Writes down all that could differ from run to run. */
static int probe(const wrun_args *args) {
  (void)args;
  FILE *out = wrun_create("out.txt");
  DIR *dir = opendir("/in/text");
  if (!out || !dir) return wrun_fail("there is nothing to look at");
  struct timespec now = {0}, tick = {0};
  unsigned char random[16] = {0};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_MONOTONIC, &tick);
  getentropy(random, sizeof random);
  fprintf(out, "time %lld %lld %ld %lld %ld\n", (long long)time(NULL), (long long)now.tv_sec, now.tv_nsec,
          (long long)tick.tv_sec, tick.tv_nsec);
  for (size_t i = 0; i < sizeof random; i++) fprintf(out, "%02x", random[i]);
  fprintf(out, "\nplaces %p %p %p\n", (void *)&now, malloc(100), (void *)out);
  fprintf(out, "environment %s\n", getenv("HOME") ? getenv("HOME") : "none");
  for (struct dirent *found; (found = readdir(dir));) {
    struct stat seen = {0};
    stat(wrun_format("/in/text/%s", found->d_name), &seen);
    fprintf(out, "%s %llu %llu %lld %lld %o %u\n", found->d_name, (unsigned long long)found->d_ino,
            (unsigned long long)seen.st_ino, (long long)seen.st_mtim.tv_sec, (long long)seen.st_size,
            (unsigned)seen.st_mode, (unsigned)seen.st_nlink);
  }
  closedir(dir);
  return wrun_close(out);
}

#define TASK(called, function) {.name = called, .doc = "Misbehave", .run = function}

WRUN_PLUGIN("hostile-c", "Misbehaves in C",
  TASK("signals", signals), TASK("exits-well", exits_well), TASK("recurses", recurses), TASK("closed", closed),
  TASK("bad-utf8", bad_utf8), TASK("no-param", no_param),
  {.name = "too-big", .doc = "Misbehave", .run = too_big,
   .params = WRUN_PARAMS({"n", WRUN_INT, "Number", "99999999999999999999"})},
  TASK("silent", silent),
  {.name = "truncates", .doc = "Misbehave", .run = truncates, .limits = {.output_bytes = 1000}},
  {.name = "needs-in-requires", .doc = "Misbehave", .requires = needs_in_requires, .run = silent, .dynamic = true},
  {.name = "bad-call", .doc = "Misbehave", .requires = bad_call, .run = silent},
  {.name = "bytes", .doc = "Pass on what is no text", .requires = text_requires, .run = bytes},
  {.name = "probe", .doc = "Write down what can be seen", .requires = text_requires, .run = probe},
  {.name = "huge", .doc = "Write a huge text", .run = huge})
