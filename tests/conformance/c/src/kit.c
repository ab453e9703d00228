/* The conformance kit in C: see ../README.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "wrun.h"

static int leaf(const wrun_args *args) {
  FILE *out = wrun_create("n.txt");
  if (!out) return WRUN_FAILED;
  fprintf(out, "%lld\n", (long long)wrun_int(args, "n"));
  return wrun_close(out);
}

static void print_moment(FILE *out, const char *name, wrun_time at, int parts) {
  fprintf(out, "%s %lld %d", name, (long long)wrun_days(at), at.hour);
  if (parts > 1) fprintf(out, " %d", at.minute);
  if (parts > 2) fprintf(out, " %d", at.second);
  fputc('\n', out);
}

static int kinds(const wrun_args *args) {
  FILE *out = wrun_create("values.txt");
  if (!out) return WRUN_FAILED;
  size_t length;
  const char *text = wrun_text(args, "text", &length);
  fprintf(out, "text %zu ", length);
  for (size_t i = 0; i < length; i++) fprintf(out, "%02x", (unsigned char)text[i]);
  fprintf(out, "\nwhole %s\n", wrun_get(args, "whole"));
  fprintf(out, "small %lld\n", (long long)wrun_int(args, "small") + 1);
  fprintf(out, "share %lld\n", llround(wrun_float(args, "share") * 1000));
  fprintf(out, "yes %s\n", wrun_bool(args, "yes") ? "true" : "false");
  fprintf(out, "date %lld\n", (long long)wrun_days(wrun_when(args, "date")));
  wrun_time month = wrun_when(args, "month");
  fprintf(out, "month %d %d\n", month.year, month.month);
  fprintf(out, "year %d\n", wrun_when(args, "year").year);
  print_moment(out, "hour", wrun_when(args, "hour"), 1);
  print_moment(out, "minute", wrun_when(args, "minute"), 2);
  print_moment(out, "second", wrun_when(args, "second"), 3);
  wrun_span span = wrun_interval(args, "interval");
  fprintf(out, "interval %s %s\n", wrun_date_text(span.start), wrun_date_text(span.end));
  fprintf(out, "duration %lld\n", llround(wrun_duration(args, "duration") * 1000));
  fprintf(out, "path %s\n", wrun_get(args, "path"));
  fprintf(out, "level %s\n", wrun_get(args, "level"));
  wrun_value days = wrun_param_value(args, "days"), map = wrun_param_value(args, "map");
  fprintf(out, "days %zu", wrun_count(days));
  for (size_t i = 0; i < wrun_count(days); i++)
    fprintf(out, " %lld", (long long)wrun_days(wrun_as_time(wrun_at(days, i))));
  fprintf(out, "\nmap %zu", wrun_count(map));
  for (size_t i = 0; i < wrun_count(map); i++)
    fprintf(out, " %s=%lld", wrun_key(map, i), (long long)wrun_as_int(wrun_at(map, i)));
  if (wrun_has(args, "maybe")) fprintf(out, "\nmaybe %lld\n", (long long)wrun_int(args, "maybe"));
  else fputs("\nmaybe none\n", out);
  return wrun_close(out);
}

static int shapes_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_with_int(wrun_require(plan, "task", "leaf"), "n", 1);
  wrun_part(wrun_with_int(wrun_require(plan, "file", "forest"), "count", 3), "d1/f1.txt");
  wrun_part(wrun_with_int(wrun_require(plan, "folder", "forest"), "count", 3), "d2");
  wrun_external(plan, "files", "text");
  wrun_listing(plan, "names", "text");
  if (wrun_bool(args, "more")) wrun_with_int(wrun_require(plan, "some", "leaf"), "n", 2);
  wrun_require_value(plan, "chosen", wrun_param_value(args, "call"));
  wrun_not_before(plan, "_then", "2013-01-01T00:00:00Z");
  return WRUN_OK;
}

static int shapes(const wrun_args *args) {
  static const char *const read[][3] = {{"task", "task", "n.txt"},      {"file", "file", NULL},
                                        {"folder", "folder", "f2.txt"}, {"files", "files", "b.txt"},
                                        {"names", "names", NULL},       {"chosen", "chosen", "n.txt"},
                                        {"some", "some", "n.txt"}};
  FILE *out = wrun_create("sums.txt");
  if (!out) return WRUN_FAILED;
  for (size_t i = 0; i < (wrun_bool(args, "more") ? 7 : 6); i++) {
    const char *text = wrun_read(read[i][1], read[i][2], NULL);
    if (!text) return WRUN_FAILED;
    fprintf(out, "%s %s", read[i][0], text);
  }
  return wrun_close(out);
}

static int forest(const wrun_args *args) {
  for (int64_t i = 0, count = wrun_int(args, "count"); i < count; i++) {
    const char *text = wrun_format("%lld\n", (long long)i);
    if (wrun_write(wrun_format("d%lld/f%lld.txt", (long long)i % 10, (long long)i), text, strlen(text)))
      return WRUN_FAILED;
  }
  return WRUN_OK;
}

static int big(const wrun_args *args) {
  FILE *out = wrun_create("big.txt");
  if (!out) return WRUN_FAILED;
  for (int64_t i = 0, lines = wrun_int(args, "lines"); i < lines; i++) fprintf(out, "%015lld\n", (long long)i);
  return wrun_close(out);
}

static int halves(const wrun_args *args) {
  int64_t from = wrun_int(args, "from"), to = wrun_int(args, "to"), sum;
  wrun_progress(0.5, "half");
  if (to - from <= 1) {
    wrun_call *leaf = wrun_with_int(wrun_need(NULL, "leaf"), "n", from);
    if (wrun_await()) return WRUN_FAILED;
    sum = wrun_read_int(wrun_input(leaf), "n.txt");
  } else {
    int64_t middle = (from + to) / 2;
    wrun_call *low = wrun_with_int(wrun_with_int(wrun_need(NULL, "halves"), "from", from), "to", middle);
    wrun_call *high = wrun_with_int(wrun_with_int(wrun_need(NULL, "halves"), "from", middle), "to", to);
    if (wrun_await()) return WRUN_FAILED;
    sum = wrun_read_int(wrun_input(low), "n.txt") + wrun_read_int(wrun_input(high), "n.txt");
  }
  const char *text = wrun_format("%lld\n", (long long)sum);
  return wrun_write("n.txt", text, strlen(text));
}

static int fails_requires(const wrun_args *args, wrun_plan *plan) {
  (void)plan;
  return strcmp(wrun_get(args, "how"), "declare") ? WRUN_OK : wrun_fail("as was asked");
}

/* Calls itself without end. */
static uint64_t deep(uint64_t n) {
  volatile uint64_t room[64] = {n};
  return n ? room[0] + deep(room[0] + 1) : 0;
}

static int fails(const wrun_args *args) {
  const char *how = wrun_get(args, "how");
  if (!strcmp(how, "error")) return wrun_fail("as was asked");
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "exit")) exit(1);
  if (!strcmp(how, "loop"))
    for (volatile int i = 0;; i++) {}
  if (!strcmp(how, "memory"))
    for (;;) memset(wrun_alloc(1 << 20), 1, 1 << 20);
  if (!strcmp(how, "unmade")) return WRUN_OK;
  if (!strcmp(how, "output")) {
    char *bytes = wrun_alloc(200000);
    memset(bytes, 'x', 200000);
    return wrun_write("n.txt", bytes, 200000);
  }
  if (!strcmp(how, "stack")) return (int)deep(1);
  if (!strcmp(how, "itself")) wrun_with(wrun_need(NULL, "fails"), "how", "itself");
  else if (!strcmp(how, "need")) wrun_with(wrun_need(NULL, "fails"), "how", "error");
  else wrun_need(NULL, "nowhere");
  return wrun_await();
}

static int cell_requires(const wrun_args *args, wrun_plan *plan) {
  int64_t row = wrun_int(args, "row"), column = wrun_int(args, "column");
  if (row == 0) return WRUN_OK;
  wrun_with_int(wrun_with_int(wrun_require(plan, "left", "cell"), "row", row - 1), "column", column);
  wrun_with_int(wrun_with_int(wrun_require(plan, "right", "cell"), "row", row - 1), "column", (column + 1) % 10);
  return WRUN_OK;
}

static int cell(const wrun_args *args) {
  int64_t sum = wrun_int(args, "column") + 1;
  if (wrun_int(args, "row")) sum += wrun_read_int("left", "n.txt") + wrun_read_int("right", "n.txt");
  const char *text = wrun_format("%lld\n", (long long)sum % 1000003);
  return wrun_write("n.txt", text, strlen(text));
}

static int lines_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_external(plan, "external", wrun_get(args, "source"));
  return WRUN_OK;
}

static int lines(const wrun_args *args) {
  (void)args;
  FILE *in = wrun_open("external", NULL);
  if (!in) return WRUN_FAILED;
  char *buffer = wrun_alloc(1 << 16);
  unsigned long long count = 0;
  for (size_t got; (got = fread(buffer, 1, 1 << 16, in)) > 0;)
    for (size_t i = 0; i < got; i++) count += buffer[i] == '\n';
  const char *text = wrun_format("%llu\n", count);
  return wrun_write("n.txt", text, strlen(text));
}

static int box_requires(const wrun_args *args, wrun_plan *plan) {
  int64_t said = wrun_int(args, "said");
  if (said > 0) wrun_with_int(wrun_require(plan, NULL, "leaf"), "n", 1);
  wrun_value words = wrun_param_value(args, "words");
  size_t count = wrun_count(words);
  const char **given = wrun_alloc((count + 1) * sizeof *given);
  for (size_t i = 0; i < count; i++) given[i] = wrun_as_text(wrun_at(words, i), NULL);
  wrun_container plain = {.image = "kit.invalid/box:1", .args = given};
  wrun_container full = {.image = plain.image, .args = given, .entrypoint = WRUN_TEXTS("/bin/sh", "-c"),
                         .workdir = "/out", .user = "1000:1000", .network = true, .effect = true, .gpus = 2,
                         .cpu_millis = 1500, .memory = 8589934592, .timeout = 3600, .tmpfs = 1048576,
                         .accepted = WRUN_CODES(0, 3), .env = WRUN_PAIRS({"Z", "last"}, {"A", "é\n="}),
                         .secrets = WRUN_TEXTS("token", "key"), .labels = WRUN_PAIRS({"disk", "fast"})};
  wrun_container refused = full;
  /* That name is wrun's own. */
  refused.env = WRUN_PAIRS({"WRUN_X", "1"});
  wrun_in_container(plan, said > 2 ? &refused : said > 1 ? &full : &plain);
  return WRUN_OK;
}

WRUN_PLUGIN("kit", "The conformance kit",
  {.name = "kinds", .doc = "Every kind of param", .version = "1",
   .params = WRUN_PARAMS({"text", WRUN_STRING, "Text", "\"é\""},
                         {"whole", WRUN_INT, "Whole number", "123456789012345678901234567890"},
                         {"small", WRUN_INT_IN(1, 31), "Small number", "1"},
                         {"share", WRUN_FLOAT, "Number", "0.5"},
                         {"yes", WRUN_BOOL, "Bool", "true"},
                         {"date", WRUN_DATE, "Date"},
                         {"month", WRUN_MONTH, "Month"},
                         {"year", WRUN_YEAR, "Year"},
                         {"hour", WRUN_HOUR, "Hour"},
                         {"minute", WRUN_MINUTE, "Minute"},
                         {"second", WRUN_SECOND, "Second"},
                         {"interval", WRUN_INTERVAL, "Interval"},
                         {"duration", WRUN_DURATION, "Duration"},
                         {"path", WRUN_PATH, "Path", "\"text\""},
                         {"level", WRUN_ENUM("low|high"), "Enum", "\"low\""},
                         {"days", WRUN_LIST(WRUN_DATE), "List", "[]"},
                         {"map", WRUN_MAP(WRUN_INT_IN(-9223372036854775808, 9223372036854775807)), "Map", "{}"},
                         {"maybe", WRUN_OPTIONAL(WRUN_INT_IN(-9223372036854775808, 9223372036854775807)), "Optional"},
                         {"call", WRUN_TASK, "Task"},
                         {"secret", WRUN_STRING, "Secret", "\"s\"", .insignificant = true}),
   .outputs = WRUN_OUTPUTS({"values.txt", WRUN_FILE}), .run = kinds},
  {.name = "shapes", .doc = "Requirements of every shape", .version = "1",
   .params = WRUN_PARAMS({"more", WRUN_BOOL, "Whether there is one more", "false"}, {"call", WRUN_TASK, "Task"}),
   .outputs = WRUN_OUTPUTS({"sums.txt", WRUN_FILE}), .requires = shapes_requires, .run = shapes},
  {.name = "forest", .doc = "Many files in folders", .version = "1",
   .params = WRUN_PARAMS({"count", WRUN_INT_IN(0, 100000), "Files", "3"}), .run = forest},
  {.name = "big", .doc = "A big file", .version = "1",
   .params = WRUN_PARAMS({"lines", WRUN_INT_IN(0, 100000000), "Lines of 16 bytes", "0"}),
   .outputs = WRUN_OUTPUTS({"big.txt", WRUN_FILE}), .run = big},
  {.name = "halves", .doc = "A sum by halves, while it runs", .version = "1", .dynamic = true,
   .params = WRUN_PARAMS({"from", WRUN_INT_IN(-9223372036854775808, 9223372036854775807), "First", "0"},
                         {"to", WRUN_INT_IN(-9223372036854775808, 9223372036854775807), "Behind the last", "8"}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .run = halves},
  {.name = "fails", .doc = "Fail", .version = "1", .dynamic = true,
   .params = WRUN_PARAMS({"how", WRUN_ENUM("error|declare|abort|exit|loop|memory|unmade|output|need|unknown|itself|stack"), "How",
                          .positional = true}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .requires = fails_requires, .run = fails,
   .limits = {.cpu_ms = 1500, .memory = 67108864, .output_bytes = 100000}},
  {.name = "cell", .doc = "A cell of a grid that is ten wide", .version = "1",
   .params = WRUN_PARAMS({"row", WRUN_INT_IN(0, 100000), "Row", "5"}, {"column", WRUN_INT_IN(0, 9), "Column", "0"}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .requires = cell_requires, .run = cell},
  {.name = "lines", .doc = "Count the lines of a file", .version = "1",
   .params = WRUN_PARAMS({"source", WRUN_PATH, "File", "\"text/a.txt\""}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .requires = lines_requires, .run = lines},
  {.name = "box", .doc = "What a container does", .version = "1",
   .params = WRUN_PARAMS({"said", WRUN_INT_IN(0, 3), "How much is said of it", "0"},
                         {"words", WRUN_LIST(WRUN_STRING), "Arguments", "[]"}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .requires = box_requires},
  {.name = "leaf", .doc = "A number in a file", .version = "1",
   .params = WRUN_PARAMS({"n", WRUN_INT_IN(0, 1000000), "Number", "0", .positional = true}),
   .outputs = WRUN_OUTPUTS({"n.txt", WRUN_FILE}), .run = leaf})
