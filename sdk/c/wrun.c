/*
 * The SDK for C: values, plans, files, and the border to the host. src/wrun_abi.* are generated from the
 * contract; a native build has wrun_test.c in their place.
 */
#define WRUN_TEST_SOURCE
#include "wrun.h"
#include "wrun_internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- memory ---- */

struct chunk {
  struct chunk *next;
};
static struct chunk *chunks;

void *wrun_alloc(size_t bytes) {
  struct chunk *chunk = bytes > SIZE_MAX - sizeof *chunk - 16 ? NULL : malloc(sizeof *chunk + 8 + bytes);
  if (!chunk) {
    fprintf(stderr, "wrun: no memory for %zu bytes\n", bytes);
    abort();
  }
  chunk->next = chunks;
  chunks = chunk;
  char *at = (char *)chunk + (sizeof *chunk + 7) / 8 * 8;
  return memset(at, 0, bytes);
}

void wrun_free_all_(void) {
  while (chunks) {
    struct chunk *next = chunks->next;
    free(chunks);
    chunks = next;
  }
}

static char *copy_of(const char *text, size_t length) {
  char *copy = wrun_alloc(length + 1);
  if (length) memcpy(copy, text, length);
  return copy;
}

static char *vformat(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return copy_of("", 0);
  char *text = wrun_alloc((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, args);
  return text;
}

char *wrun_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = vformat(format, args);
  va_end(args);
  return text;
}

/* A growing array. */
static void *grown(void *items, size_t count, size_t size) {
  if (count & (count - 1)) return items;
  void *more = wrun_alloc((count ? count * 2 : 1) * size);
  if (count) memcpy(more, items, count * size);
  return more;
}

/* ---- text ---- */

/* Returns the length of the character at the start, 0 where it is no UTF-8. */
static size_t utf8(const unsigned char *at, size_t left) {
  unsigned char c = at[0];
  if (c < 0x80) return 1;
  size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c < 0xc2 || c > 0xf4 || length > left) return 0;
  for (size_t i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) || (c == 0xf0 && at[1] < 0x90) ||
      (c == 0xf4 && at[1] > 0x8f))
    return 0;
  return length;
}

static bool is_utf8(const char *text) {
  for (size_t left = strlen(text), step; left; text += step, left -= step)
    if (!(step = utf8((const unsigned char *)text, left))) return false;
  return true;
}

/* What goes to people shows what is wrong, rather than being refused for it. */
char *wrun_shown_(const char *text) {
  size_t left = strlen(text);
  char *shown = wrun_alloc(left * 3 + 1), *to = shown;
  while (left) {
    size_t step = utf8((const unsigned char *)text, left);
    memcpy(to, step ? text : "\xef\xbf\xbd", step ? step : 3);
    to += step ? step : 3;
    text += step ? step : 1;
    left -= step ? step : 1;
  }
  return shown;
}

/* ---- failures ---- */

static char *failure;
/* A getter was used wrongly: that fails the call even if it returns WRUN_OK. */
static bool misused;

int wrun_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  failure = wrun_shown_(vformat(format, args));
  va_end(args);
  return WRUN_FAILED;
}

static void misuse(const char *message) {
  if (!misused) failure = wrun_shown_(message);
  misused = true;
}

/* A text that the contract carries. */
static const char *carried(const char *text, const char *what) {
  if (!text) {
    misuse(wrun_format("%s is NULL", what));
    return "";
  }
  if (!is_utf8(text)) {
    misuse(wrun_format("%s is no UTF-8: `%s`", what, text));
    return "";
  }
  return copy_of(text, strlen(text));
}

/* ---- values ---- */

static const wrun_value nothing = {"null", 4};

/* Returns the length of the value at the start of canonical JSON. */
static size_t extent(const char *json, size_t left) {
  size_t at = 0, depth = 0;
  bool quoted = false;
  for (; at < left; at++) {
    char c = json[at];
    if (quoted) {
      if (c == '\\') at++;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      depth++;
    } else if (depth && (c == ']' || c == '}')) {
      depth--;
    } else if (!depth && (c == ',' || c == ':' || c == ']' || c == '}')) {
      break;
    }
  }
  return at;
}

/* Finds an entry; returns whether there is one. Keys are left where `key` is NULL. */
static bool entry(wrun_value value, size_t index, wrun_value *key, wrun_value *item) {
  if (value.length < 2 || (value.json[0] != '[' && value.json[0] != '{')) return false;
  bool object = value.json[0] == '{';
  const char *at = value.json + 1, *end = value.json + value.length - 1;
  while (at < end) {
    size_t length = extent(at, (size_t)(end - at));
    if (object) {
      if (key) *key = (wrun_value){at, length};
      at += length + 1;
      if (at > end) return false;
      length = extent(at, (size_t)(end - at));
    }
    *item = (wrun_value){at, length};
    if (index-- == 0) return true;
    at += length + 1;
  }
  return false;
}

size_t wrun_count(wrun_value value) {
  size_t count = 0;
  wrun_value item;
  if (value.length < 2 || (value.json[0] != '[' && value.json[0] != '{')) {
    misuse(wrun_format("`%s` is no list, tuple or map", wrun_as_json(value)));
    return 0;
  }
  while (entry(value, count, NULL, &item)) count++;
  return count;
}

wrun_value wrun_at(wrun_value value, size_t index) {
  wrun_value item = nothing;
  if (!entry(value, index, NULL, &item))
    misuse(wrun_format("`%s` has no item %zu", wrun_as_json(value), index));
  return item;
}

const char *wrun_key(wrun_value value, size_t index) {
  wrun_value key = nothing, item;
  if (value.length < 2 || value.json[0] != '{' || !entry(value, index, &key, &item)) {
    misuse(wrun_format("`%s` has no entry %zu", wrun_as_json(value), index));
    return "";
  }
  return wrun_as_text(key, NULL);
}

static bool field(wrun_value value, const char *name, wrun_value *found) {
  wrun_value key;
  if (value.length < 2 || value.json[0] != '{') return false;
  for (size_t i = 0; entry(value, i, &key, found); i++) {
    size_t length;
    const char *text = wrun_as_text(key, &length);
    if (length == strlen(name) && !memcmp(text, name, length)) return true;
  }
  return false;
}

wrun_value wrun_field(wrun_value value, const char *key) {
  wrun_value found = nothing;
  if (!field(value, key, &found)) {
    misuse(wrun_format("`%s` has no `%s`", wrun_as_json(value), key));
    return nothing;
  }
  return found;
}

wrun_value wrun_param_value(const wrun_args *args, const char *name) {
  wrun_value found = nothing;
  if (!field(*args, name, &found)) {
    misuse(wrun_format("this task has no param `%s`", name));
    return nothing;
  }
  return found;
}

bool wrun_is_null(wrun_value value) {
  return value.length == 4 && !memcmp(value.json, "null", 4);
}

const char *wrun_as_json(wrun_value value) {
  return copy_of(value.json, value.length);
}

static unsigned hex(const char *at) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return value;
}

const char *wrun_as_text(wrun_value value, size_t *length) {
  if (value.length < 2 || value.json[0] != '"') {
    if (length) *length = value.length;
    return wrun_as_json(value);
  }
  char *text = wrun_alloc(value.length), *to = text;
  for (const char *at = value.json + 1, *end = value.json + value.length - 1; at < end; at++) {
    if (*at != '\\') {
      *to++ = *at;
      continue;
    }
    unsigned c = (unsigned char)*++at;
    const char *plain = strchr("b\bf\fn\nr\rt\t", (int)c);
    if (c != 'u') {
      *to++ = plain && (plain - "b\bf\fn\nr\rt\t") % 2 == 0 ? plain[1] : (char)c;
      continue;
    }
    c = hex(at + 1);
    at += 4;
    if (c >= 0xd800 && c < 0xdc00 && end - at > 6 && at[1] == '\\' && at[2] == 'u') {
      c = 0x10000 + ((c - 0xd800) << 10) + (hex(at + 3) - 0xdc00);
      at += 6;
    }
    if (c < 0x80) {
      *to++ = (char)c;
    } else {
      int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
      *to++ = (char)((more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0) | (c >> (6 * more)));
      while (more--) *to++ = (char)(0x80 | ((c >> (6 * more)) & 0x3f));
    }
  }
  if (length) {
    *length = (size_t)(to - text);
  } else if (memchr(text, 0, (size_t)(to - text))) {
    misuse("a text holds NUL: use wrun_text or wrun_as_text with a length");
  }
  return text;
}

int64_t wrun_as_int(wrun_value value) {
  const char *text = wrun_as_json(value);
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno == ERANGE) misuse(wrun_format("%s does not fit in 64 bits", text));
  else if (end == text || *end) misuse(wrun_format("`%s` is no whole number", text));
  else return number;
  return 0;
}

double wrun_as_float(wrun_value value) {
  const char *text = wrun_as_text(value, NULL);
  char *end;
  double number = strtod(text, &end);
  if (end != text && !*end) return number;
  misuse(wrun_format("`%s` is no number", text));
  return 0;
}

bool wrun_as_bool(wrun_value value) {
  if (value.length == 4 && !memcmp(value.json, "true", 4)) return true;
  if (!(value.length == 5 && !memcmp(value.json, "false", 5)))
    misuse(wrun_format("`%s` is no bool", wrun_as_json(value)));
  return false;
}

/* Reads a number of digits, an optional separator before them. */
static bool digits(const char **at, char before, int *number) {
  const char *from = *at;
  if (before && *from++ != before) return false;
  char *end;
  if (*from < '0' || *from > '9') return false;
  *number = (int)strtol(from, &end, 10);
  *at = end;
  return true;
}

static bool moment(const char **at, wrun_time *time) {
  *time = (wrun_time){0, 1, 1, 0, 0, 0};
  bool before = **at == '-';
  if (before) ++*at;
  if (!digits(at, 0, &time->year)) return false;
  if (before) time->year = -time->year;
  if (digits(at, '-', &time->month)) digits(at, '-', &time->day);
  if (digits(at, 'T', &time->hour) && digits(at, ':', &time->minute)) digits(at, ':', &time->second);
  return true;
}

wrun_time wrun_as_time(wrun_value value) {
  const char *text = wrun_as_text(value, NULL), *at = text;
  wrun_time time;
  if (!moment(&at, &time) || *at) misuse(wrun_format("`%s` is no date or time", text));
  return time;
}

wrun_span wrun_as_interval(wrun_value value) {
  const char *text = wrun_as_text(value, NULL), *at = text;
  wrun_span span;
  if (!moment(&at, &span.start) || *at++ != '/' || !moment(&at, &span.end) || *at) {
    misuse(wrun_format("`%s` is no interval", text));
    span.start = span.end = (wrun_time){0, 1, 1, 0, 0, 0};
  }
  return span;
}

int64_t wrun_days(wrun_time time) {
  /* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
  int64_t year = time.year - (time.month <= 2);
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t of_era = year - era * 400;
  int64_t of_year = (153 * (time.month + (time.month > 2 ? -3 : 9)) + 2) / 5 + time.day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

wrun_time wrun_from_days(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t of_era = days - era * 146097;
  int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  int64_t month = (5 * of_year + 2) / 153;
  wrun_time time = {0, 0, (int)(of_year - (153 * month + 2) / 5 + 1), 0, 0, 0};
  time.month = (int)(month < 10 ? month + 3 : month - 9);
  time.year = (int)(year + era * 400 + (time.month <= 2));
  return time;
}

const char *wrun_date_text(wrun_time time) {
  return wrun_format("%04d-%02d-%02d", time.year, time.month, time.day);
}

const char *wrun_text(const wrun_args *args, const char *name, size_t *length) {
  size_t ignored;
  wrun_value value = wrun_param_value(args, name);
  if (wrun_is_null(value)) {
    if (length) *length = 0;
    return NULL;
  }
  return wrun_as_text(value, length ? length : &ignored);
}

const char *wrun_get(const wrun_args *args, const char *name) {
  wrun_value value = wrun_param_value(args, name);
  return wrun_is_null(value) ? NULL : wrun_as_text(value, NULL);
}

bool wrun_has(const wrun_args *args, const char *name) {
  return !wrun_is_null(wrun_param_value(args, name));
}

int64_t wrun_int(const wrun_args *args, const char *name) {
  return wrun_as_int(wrun_param_value(args, name));
}

double wrun_float(const wrun_args *args, const char *name) {
  return wrun_as_float(wrun_param_value(args, name));
}

double wrun_duration(const wrun_args *args, const char *name) {
  return wrun_as_float(wrun_param_value(args, name));
}

bool wrun_bool(const wrun_args *args, const char *name) {
  return wrun_as_bool(wrun_param_value(args, name));
}

wrun_time wrun_when(const wrun_args *args, const char *name) {
  return wrun_as_time(wrun_param_value(args, name));
}

wrun_span wrun_interval(const wrun_args *args, const char *name) {
  return wrun_as_interval(wrun_param_value(args, name));
}

/* ---- calls and plans ---- */

static wrun_call *call_of(const char *input, const char *task) {
  wrun_call *call = wrun_alloc(sizeof *call);
  call->kind = WRUN_IS_TASK;
  call->task = carried(task, "the name of a task");
  call->input = input ? carried(input, "the name of an input") : call->task;
  return call;
}

/* A param of the type `task` is `{"params":{…},"plugin":…,"task":…}`. */
static wrun_call *call_of_value(const char *input, wrun_value value) {
  wrun_value found;
  wrun_call *call = call_of(input, field(value, "task", &found) ? wrun_as_text(found, NULL) : NULL);
  if (field(value, "plugin", &found) && !wrun_is_null(found)) wrun_of(call, wrun_as_text(found, NULL));
  if (field(value, "params", &found)) call->params_json = wrun_as_json(found);
  return call;
}

static wrun_call *add(wrun_plan *plan, wrun_call *call) {
  plan->inputs = grown(plan->inputs, plan->count, sizeof *plan->inputs);
  plan->inputs[plan->count++] = call;
  return call;
}

wrun_call *wrun_require(wrun_plan *plan, const char *input, const char *task) {
  return add(plan, call_of(input, task));
}

wrun_call *wrun_require_value(wrun_plan *plan, const char *input, wrun_value task) {
  return add(plan, call_of_value(input, task));
}

wrun_call *wrun_with_json(wrun_call *call, const char *name, const char *json) {
  struct wrun_given *given = wrun_alloc(sizeof *given);
  given->name = carried(name, "the name of a param");
  given->json = carried(json, "a param");
  struct wrun_given **last = &call->given;
  while (*last && strcmp((*last)->name, given->name)) last = &(*last)->next;
  if (*last) given->next = (*last)->next;
  *last = given;
  return call;
}

static char *quoted(const char *text) {
  char *json = wrun_alloc(strlen(text) * 6 + 3), *to = json;
  *to++ = '"';
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') *to++ = '\\';
    if (c < 0x20) to += sprintf(to, "\\u%04x", c);
    else *to++ = (char)c;
  }
  *to = '"';
  return json;
}

wrun_call *wrun_with(wrun_call *call, const char *name, const char *text) {
  return wrun_with_json(call, name, quoted(carried(text, "a param")));
}

wrun_call *wrun_with_int(wrun_call *call, const char *name, int64_t value) {
  return wrun_with_json(call, name, wrun_format("%" PRId64, value));
}

wrun_call *wrun_with_same(wrun_call *call, const wrun_args *args, const char *name) {
  return wrun_with_json(call, name, wrun_as_json(wrun_param_value(args, name)));
}

wrun_call *wrun_of(wrun_call *call, const char *alias) {
  call->plugin = carried(alias, "the alias of a plugin");
  return call;
}

wrun_call *wrun_part(wrun_call *call, const char *path) {
  call->path = carried(path, "a path inside an output");
  return call;
}

const char *wrun_call_params_(const wrun_call *call) {
  if (call->params_json) return call->params_json;
  size_t length = 3;
  for (const struct wrun_given *given = call->given; given; given = given->next)
    length += strlen(given->name) * 6 + strlen(given->json) + 4;
  char *json = wrun_alloc(length), *to = json;
  *to++ = '{';
  for (const struct wrun_given *given = call->given; given; given = given->next)
    to += sprintf(to, "%s%s:%s", given == call->given ? "" : ",", quoted(given->name), given->json);
  *to = '}';
  return json;
}

static void other(wrun_plan *plan, const char *input, const char *text, enum wrun_source_kind kind) {
  wrun_call *call = wrun_alloc(sizeof *call);
  call->kind = kind;
  call->input = carried(input, "the name of an input");
  call->uri = carried(text, kind == WRUN_IS_CLOCK ? "an instant" : "the URI of an external");
  add(plan, call);
}

void wrun_external(wrun_plan *plan, const char *input, const char *uri) {
  other(plan, input, uri, WRUN_IS_EXTERNAL);
}

void wrun_external_or_wait(wrun_plan *plan, const char *input, const char *uri) {
  other(plan, input, uri, WRUN_IS_AWAITED);
}

void wrun_listing(wrun_plan *plan, const char *input, const char *uri) {
  other(plan, input, uri, WRUN_IS_LISTING);
}

void wrun_not_before(wrun_plan *plan, const char *input, const char *instant) {
  other(plan, input, instant, WRUN_IS_CLOCK);
}

void wrun_makes(wrun_plan *plan, const char *name, wrun_output_kind kind) {
  plan->outputs = grown(plan->outputs, plan->output_count, sizeof *plan->outputs);
  plan->outputs[plan->output_count++] = (wrun_output){carried(name, "the name of an output"), kind};
}

wrun_limits *wrun_limit(wrun_plan *plan) {
  return &plan->limits;
}

/* ---- calls of the host ---- */

uint64_t wrun_needs_;
const char *wrun_current_;

const wrun_task *wrun_find_(const char *name) {
  const wrun_plugin *plugin = wrun_plugin_table();
  wrun_current_ = name;
  for (size_t i = 0; i < plugin->count; i++)
    if (!strcmp(plugin->tasks[i].name, name)) return &plugin->tasks[i];
  failure = wrun_shown_(wrun_format("there is no task `%s` in this plugin", name));
  return NULL;
}

static const wrun_output everything[] = {{".", WRUN_DIRECTORY}, {NULL, WRUN_FILE}};

const wrun_output *wrun_outputs_(const wrun_task *task) {
  return task->outputs ? task->outputs : everything;
}

int wrun_declare_(const wrun_task *task, const wrun_args *args, wrun_plan *plan) {
  *plan = (wrun_plan){.limits = task->limits};
  wrun_requires_fn *requires = task->requires;
  return wrun_ended_(requires ? requires(args, plan) : WRUN_OK, task->name);
}

static wrun_plan queue;

int wrun_ended_(int code, const char *task) {
  if (code == WRUN_OK && !misused) return WRUN_OK;
  if (!failure) failure = wrun_format("`%s` returned %d and did not say why: use wrun_fail", task, code);
  return WRUN_FAILED;
}

const char *wrun_failure_(void) {
  return failure ? failure : "";
}

void wrun_begin_(void) {
  failure = NULL;
  misused = false;
  queue = (wrun_plan){0};
  wrun_needs_ = 0;
}

wrun_call *wrun_need(const char *input, const char *task) {
  return add(&queue, call_of(input ? input : wrun_format("need~%" PRIu64, wrun_needs_++), task));
}

wrun_call *wrun_need_value(const char *input, wrun_value task) {
  return add(&queue, call_of_value(input ? input : wrun_format("need~%" PRIu64, wrun_needs_++), task));
}

const char *wrun_input(const wrun_call *call) {
  return call->input;
}

int wrun_await(void) {
  wrun_plan asked = queue;
  queue = (wrun_plan){0};
  if (misused) return WRUN_FAILED;
  return wrun_host_need_(asked.inputs, asked.count);
}

void wrun_progress(double fraction, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *message = wrun_shown_(vformat(format, args));
  va_end(args);
  wrun_host_progress_(fraction, message);
}

/* ---- files ---- */

static FILE *opened(const char *path, const char *mode) {
#ifdef __wasm__
  return fopen(path, mode);
#else
  return wrun_test_fopen(path, mode);
#endif
}

static DIR *listed(const char *path) {
#ifdef __wasm__
  return opendir(path);
#else
  return wrun_test_opendir(path);
#endif
}

static int made(const char *path) {
#ifdef __wasm__
  return mkdir(path, 0777);
#else
  return wrun_test_mkdir(path, 0777);
#endif
}

static int by_name(const void *one, const void *two) {
  return strcmp(*(const char *const *)one, *(const char *const *)two);
}

const char *const *wrun_list(const char *input, const char *folder) {
  const char *path = wrun_format("/in/%s%s%s", input, folder ? "/" : "", folder ? folder : "");
  DIR *dir = listed(path);
  if (!dir) {
    wrun_fail("cannot list `%s`: %s", path, strerror(errno));
    return NULL;
  }
  const char **names = NULL;
  size_t count = 0;
  for (struct dirent *found; (found = readdir(dir));) {
    if (!strcmp(found->d_name, ".") || !strcmp(found->d_name, "..")) continue;
    names = grown(names, count, sizeof *names);
    names[count++] = copy_of(found->d_name, strlen(found->d_name));
  }
  closedir(dir);
  if (count) qsort(names, count, sizeof *names, by_name);
  names = grown(names, count, sizeof *names);
  names[count] = NULL;
  return (const char *const *)names;
}

FILE *wrun_open(const char *input, const char *name) {
  if (!name) {
    const char *const *names = wrun_list(input, NULL);
    if (!names) return NULL;
    if (!names[0] || names[1]) {
      wrun_fail(names[0] ? "there is more than one file in `/in/%s`" : "`/in/%s` is empty: one file is due",
                input);
      return NULL;
    }
    name = names[0];
  }
  const char *path = wrun_format("/in/%s/%s", input, name);
  FILE *file = opened(path, "rb");
  if (!file) wrun_fail("cannot open `%s`: %s", path, strerror(errno));
  return file;
}

char *wrun_read(const char *input, const char *name, size_t *length) {
  FILE *file = wrun_open(input, name);
  if (!file) return NULL;
  size_t size = 0, room = 4096;
  char *bytes = wrun_alloc(room + 1);
  for (size_t got; (got = fread(bytes + size, 1, room - size, file)) > 0;) {
    size += got;
    if (size < room) continue;
    char *more = wrun_alloc(room * 2 + 1);
    memcpy(more, bytes, size);
    bytes = more;
    room *= 2;
  }
  bool bad = ferror(file);
  fclose(file);
  if (bad) {
    wrun_fail("cannot read `/in/%s/%s`: %s", input, name ? name : "", strerror(errno));
    return NULL;
  }
  bytes[size] = 0;
  if (length) *length = size;
  return bytes;
}

int64_t wrun_read_int(const char *input, const char *name) {
  char *text = wrun_read(input, name, NULL), *end;
  if (!text) {
    misused = true;
    return 0;
  }
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (end == text || errno || end[strspn(end, " \t\r\n")])
    misuse(wrun_format("`/in/%s/%s` is no whole number of 64 bits", input, name ? name : ""));
  return number;
}

FILE *wrun_create(const char *name) {
  char *path = wrun_format("/out/%s", carried(name, "the name of an output"));
  for (char *at = path + 5; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    if (made(path) && errno != EEXIST) break;
  }
  FILE *file = opened(path, "wb");
  if (!file) wrun_fail("cannot create `%s`: %s", path, strerror(errno));
  return file;
}

int wrun_close(FILE *file) {
  if (!file) return failure ? WRUN_FAILED : wrun_fail("wrun_close was given NULL");
  bool bad = ferror(file);
  if (fclose(file) || bad) return wrun_fail("an output cannot be written: %s", strerror(errno));
  return WRUN_OK;
}

int wrun_write(const char *name, const void *bytes, size_t length) {
  FILE *file = wrun_create(name);
  if (!file) return WRUN_FAILED;
  fwrite(bytes, 1, length, file);
  return wrun_close(file);
}

#ifdef __wasm__

/* ---- the border ---- */

#include "src/wrun_abi.h"

/* The host puts the contract's types around the module, so there is no object file that has them. */
void __component_type_object_force_link_wrun_abi(void) {}

/* The generated code frees what it is given: it has memory of its own. */
static wrun_abi_string_t given(const char *text) {
  wrun_abi_string_t string;
  wrun_abi_string_dup(&string, text ? text : "");
  return string;
}

static wrun_abi_option_string_t maybe(const char *text) {
  return (wrun_abi_option_string_t){.is_some = text != NULL, .val = given(text)};
}

static void *array(size_t count, size_t size) {
  void *items = calloc(count ? count : 1, size);
  if (!items) abort();
  return items;
}

static wrun_abi_option_u64_t cap(uint64_t value) {
  return (wrun_abi_option_u64_t){.is_some = value != 0, .val = value};
}

static wrun_task_types_limits_t caps(wrun_limits limits) {
  return (wrun_task_types_limits_t){cap(limits.memory), cap(limits.cpu_ms), cap(limits.output_bytes),
                                    cap(limits.output_files), cap(limits.log_bytes)};
}

static wrun_task_types_list_output_t outputs_of(const wrun_output *outputs, size_t count) {
  wrun_task_types_list_output_t list = {array(count, sizeof *list.ptr), count};
  for (size_t i = 0; i < count; i++)
    list.ptr[i] = (wrun_task_types_output_t){
        given(outputs[i].name),
        outputs[i].kind == WRUN_FILE ? WRUN_TASK_TYPES_OUTPUT_KIND_FILE : WRUN_TASK_TYPES_OUTPUT_KIND_DIRECTORY};
  return list;
}

static size_t count_outputs(const wrun_output *outputs) {
  size_t count = 0;
  while (outputs && outputs[count].name) count++;
  return count;
}

void exports_wrun_abi_describe(wrun_abi_description_t *ret) {
  const wrun_plugin *plugin = wrun_plugin_table();
  const char *goal = plugin->default_goal;
  if (!goal && plugin->count) goal = plugin->tasks[plugin->count - 1].name;
  *ret = (wrun_abi_description_t){.id = given(plugin->id), .doc = given(plugin->doc), .default_goal = maybe(goal)};
  ret->tasks.len = plugin->count;
  ret->tasks.ptr = array(plugin->count, sizeof *ret->tasks.ptr);
  for (size_t i = 0; i < plugin->count; i++) {
    const wrun_task *task = &plugin->tasks[i];
    wrun_task_types_task_type_t *to = &ret->tasks.ptr[i];
    size_t params = 0;
    while (task->params && task->params[params].name) params++;
    *to = (wrun_task_types_task_type_t){
        .name = given(task->name),
        .doc = given(task->doc),
        .params = {array(params, sizeof *to->params.ptr), params},
        .outputs = outputs_of(task->outputs, count_outputs(task->outputs)),
        .limits = caps(task->limits),
        .version = maybe(task->version),
        .dynamic = task->dynamic,
        .native_nan = task->native_nan,
        .retries = task->retries,
    };
    for (size_t j = 0; j < params; j++) {
      const wrun_param *param = &task->params[j];
      to->params.ptr[j] = (wrun_task_types_param_spec_t){
          .name = given(param->name),
          .doc = given(param->doc),
          .kind = given(param->kind),
          .default_ = {.is_some = param->default_json != NULL, .val = given(param->default_json)},
          .significant = !param->insignificant,
          .visibility = (wrun_task_types_visibility_t)param->visibility,
          .positional = param->positional,
      };
    }
  }
}

static wrun_task_types_task_source_t source_of(const wrun_call *call) {
  return (wrun_task_types_task_source_t){
      .call = {.plugin = maybe(call->plugin), .task = given(call->task), .params = given(wrun_call_params_(call))},
      .path = maybe(call->path),
  };
}

/* Begins a call: its task, and its params as text that ends in NUL. */
static const wrun_task *begun(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_args *args) {
  wrun_begin_();
  *args = (wrun_args){copy_of((const char *)params->ptr, params->len), params->len};
  const wrun_task *found = wrun_find_(copy_of((const char *)task->ptr, task->len));
  wrun_abi_string_free(task);
  wrun_abi_string_free(params);
  return found;
}

bool exports_wrun_abi_declare(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_abi_plan_t *ret,
                              wrun_abi_string_t *err) {
  wrun_args args;
  wrun_plan plan;
  const wrun_task *found = begun(task, params, &args);
  if (!found || wrun_declare_(found, &args, &plan) != WRUN_OK) {
    *err = given(wrun_failure_());
    return false;
  }
  *ret = (wrun_abi_plan_t){.limits = caps(plan.limits)};
  ret->outputs = plan.output_count ? outputs_of(plan.outputs, plan.output_count)
                                   : outputs_of(wrun_outputs_(found), count_outputs(wrun_outputs_(found)));
  ret->inputs.len = plan.count;
  ret->inputs.ptr = array(plan.count, sizeof *ret->inputs.ptr);
  for (size_t i = 0; i < plan.count; i++) {
    const wrun_call *call = plan.inputs[i];
    wrun_task_types_source_t source;
    switch (call->kind) {
      case WRUN_IS_TASK:
        source.tag = WRUN_TASK_TYPES_SOURCE_TASK;
        source.val.task = source_of(call);
        break;
      case WRUN_IS_CLOCK:
        source.tag = WRUN_TASK_TYPES_SOURCE_CLOCK;
        source.val.clock = given(call->uri);
        break;
      default:
        source.tag = WRUN_TASK_TYPES_SOURCE_EXTERNAL;
        source.val.external = (wrun_task_types_external_t){
            given(call->uri),
            call->kind == WRUN_IS_LISTING ? WRUN_TASK_TYPES_EXTERNAL_MODE_LISTING
                                          : WRUN_TASK_TYPES_EXTERNAL_MODE_CONTENT,
            call->kind == WRUN_IS_AWAITED};
    }
    ret->inputs.ptr[i] = (wrun_task_types_input_t){given(call->input), source};
  }
  return true;
}

bool exports_wrun_abi_run(wrun_abi_string_t *task, wrun_abi_json_t *params, wrun_abi_string_t *err) {
  wrun_args args;
  const wrun_task *found = begun(task, params, &args);
  bool done = found && wrun_ended_(found->run ? found->run(&args) : WRUN_OK, found->name) == WRUN_OK;
  /* Nobody else does: a component never exits. */
  fflush(NULL);
  if (!done) *err = given(wrun_failure_());
  return done;
}

/* Kept where no task needs anything: the import says which contract the module was built for. */
__attribute__((used)) int wrun_host_need_(wrun_call *const *calls, size_t count) {
  wrun_task_host_list_need_item_t items = {array(count, sizeof *items.ptr), count};
  for (size_t i = 0; i < count; i++)
    items.ptr[i] = (wrun_task_host_need_item_t){given(calls[i]->input), source_of(calls[i])};
  wrun_task_host_need(&items);
  return WRUN_OK;
}

void wrun_host_progress_(double fraction, const char *message) {
  wrun_abi_string_t text;
  wrun_abi_string_set(&text, message);
  wrun_task_host_progress(fraction >= 0 ? &fraction : NULL, &text);
}

#endif
