/*
 * The SDK for C: memory, failures, plans, and the calls of the host. wrun_values.c reads params, wrun_files.c
 * reads inputs and writes outputs. wrun_border.c speaks to the host, by src/wrun_abi.*, which are generated
 * from the contract; a native build has wrun_test.c in the place of both.
 */
#define WRUN_TEST_SOURCE
#include "wrun_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

struct chunk {
  struct chunk *next;
};
static struct chunk *chunks;

/* Not cleared: memory that is not touched costs nothing, and a task starts with none that is. */
void *wrun_room_(size_t bytes) {
  struct chunk *chunk = bytes > SIZE_MAX - sizeof *chunk - 16 ? NULL : malloc(sizeof *chunk + 8 + bytes);
  if (!chunk) {
    fprintf(stderr, "wrun: no memory for %zu bytes\n", bytes);
    abort();
  }
  chunk->next = chunks;
  chunks = chunk;
  return (char *)chunk + (sizeof *chunk + 7) / 8 * 8;
}

void *wrun_alloc(size_t bytes) {
  return memset(wrun_room_(bytes), 0, bytes);
}

void wrun_free_all_(void) {
  while (chunks) {
    struct chunk *next = chunks->next;
    free(chunks);
    chunks = next;
  }
}

char *wrun_copy_of_(const char *text, size_t length) {
  char *copy = wrun_room_(length + 1);
  if (length) memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

static char *vformat(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  /* Most are short, and written once. */
  char small[256];
  int length = vsnprintf(small, sizeof small, format, again);
  va_end(again);
  if (length < 0) return wrun_copy_of_("", 0);
  if ((size_t)length < sizeof small) return wrun_copy_of_(small, (size_t)length);
  char *text = wrun_room_((size_t)length + 1);
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
void *wrun_grown_(void *items, size_t count, size_t size) {
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
bool wrun_misused_;

int wrun_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  failure = wrun_shown_(vformat(format, args));
  va_end(args);
  return WRUN_FAILED;
}

void wrun_misuse_(const char *message) {
  if (!wrun_misused_) failure = wrun_shown_(message);
  wrun_misused_ = true;
}

/* A text that the contract carries. */
const char *wrun_carried_(const char *text, const char *what) {
  if (!text) {
    wrun_misuse_(wrun_format("%s is NULL", what));
    return "";
  }
  if (!is_utf8(text)) {
    wrun_misuse_(wrun_format("%s is no UTF-8: `%s`", what, text));
    return "";
  }
  return wrun_copy_of_(text, strlen(text));
}

/* ---- calls and plans ---- */

static wrun_call *call_of(const char *input, const char *task) {
  wrun_call *call = wrun_alloc(sizeof *call);
  call->kind = WRUN_IS_TASK;
  call->task = wrun_carried_(task, "the name of a task");
  call->input = input ? wrun_carried_(input, "the name of an input") : call->task;
  return call;
}

/* A param of the type `task` is `{"params":{…},"plugin":…,"task":…}`. */
static wrun_call *call_of_value(const char *input, wrun_value value) {
  wrun_value found;
  wrun_call *call = call_of(input, wrun_field_(value, "task", &found) ? wrun_as_text(found, NULL) : NULL);
  if (wrun_field_(value, "plugin", &found) && !wrun_is_null(found)) wrun_of(call, wrun_as_text(found, NULL));
  if (wrun_field_(value, "params", &found)) call->params_json = wrun_as_json(found);
  return call;
}

static wrun_call *add(wrun_plan *plan, wrun_call *call) {
  plan->inputs = wrun_grown_(plan->inputs, plan->count, sizeof *plan->inputs);
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
  given->name = wrun_carried_(name, "the name of a param");
  given->json = wrun_carried_(json, "a param");
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
  return wrun_with_json(call, name, quoted(wrun_carried_(text, "a param")));
}

wrun_call *wrun_with_int(wrun_call *call, const char *name, int64_t value) {
  return wrun_with_json(call, name, wrun_format("%" PRId64, value));
}

wrun_call *wrun_with_same(wrun_call *call, const wrun_args *args, const char *name) {
  return wrun_with_json(call, name, wrun_as_json(wrun_param_value(args, name)));
}

wrun_call *wrun_of(wrun_call *call, const char *alias) {
  call->plugin = wrun_carried_(alias, "the alias of a plugin");
  return call;
}

wrun_call *wrun_part(wrun_call *call, const char *path) {
  call->path = wrun_carried_(path, "a path inside an output");
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
  call->input = wrun_carried_(input, "the name of an input");
  call->uri = wrun_carried_(text, kind == WRUN_IS_CLOCK ? "an instant" : "the URI of an external");
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
  plan->outputs = wrun_grown_(plan->outputs, plan->output_count, sizeof *plan->outputs);
  plan->outputs[plan->output_count++] = (wrun_output){wrun_carried_(name, "the name of an output"), kind};
}

wrun_limits *wrun_limit(wrun_plan *plan) {
  return &plan->limits;
}

/* ---- containers ---- */

static const char *const *texts_carried(const char *const *texts, const char *what) {
  size_t count = 0;
  while (texts && texts[count]) count++;
  if (!texts) return NULL;
  const char **copies = wrun_alloc((count + 1) * sizeof *copies);
  for (size_t i = 0; i < count; i++) copies[i] = wrun_carried_(texts[i], what);
  return (const char *const *)copies;
}

static const wrun_pair *pairs_carried(const wrun_pair *pairs, const char *what) {
  size_t count = 0;
  while (pairs && pairs[count].name) count++;
  wrun_pair *copies = wrun_alloc((count + 1) * sizeof *copies);
  for (size_t i = 0; i < count; i++)
    copies[i] = (wrun_pair){wrun_carried_(pairs[i].name, what), wrun_carried_(pairs[i].value, what)};
  return copies;
}

void wrun_in_container(wrun_plan *plan, const wrun_container *container) {
  wrun_container *copy = wrun_alloc(sizeof *copy);
  *copy = *container;
  copy->image = wrun_carried_(container->image, "the image of a container");
  copy->entrypoint = texts_carried(container->entrypoint, "the entry point of a container");
  copy->args = texts_carried(container->args, "an argument of a container");
  if (copy->workdir) copy->workdir = wrun_carried_(copy->workdir, "the working directory of a container");
  copy->env = pairs_carried(container->env, "an environment variable of a container");
  if (copy->user) copy->user = wrun_carried_(copy->user, "the user of a container");
  copy->secrets = texts_carried(container->secrets, "the name of a secret");
  copy->labels = pairs_carried(container->labels, "a label of a container");
  size_t codes = 0;
  while (container->accepted && container->accepted[codes] != WRUN_NO_CODE) codes++;
  int32_t *accepted = wrun_alloc((codes + 1) * sizeof *accepted);
  if (codes) memcpy(accepted, container->accepted, codes * sizeof *accepted);
  accepted[codes] = WRUN_NO_CODE;
  copy->accepted = accepted;
  plan->container = copy;
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
  if (code == WRUN_OK && !wrun_misused_) return WRUN_OK;
  if (!failure) failure = wrun_format("`%s` returned %d and did not say why: use wrun_fail", task, code);
  return WRUN_FAILED;
}

const char *wrun_failure_(void) {
  return failure ? failure : "";
}

void wrun_begin_(void) {
  failure = NULL;
  wrun_misused_ = false;
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
  if (wrun_misused_) return WRUN_FAILED;
  return wrun_host_need_(asked.inputs, asked.count);
}

void wrun_progress(double fraction, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *message = wrun_shown_(vformat(format, args));
  va_end(args);
  wrun_host_progress_(fraction, message);
}
