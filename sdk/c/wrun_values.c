/* Params, and what is inside of them: pieces of canonical JSON. */
#define WRUN_TEST_SOURCE
#include "wrun_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    wrun_misuse_(wrun_format("`%s` is no list, tuple or map", wrun_as_json(value)));
    return 0;
  }
  while (entry(value, count, NULL, &item)) count++;
  return count;
}

wrun_value wrun_at(wrun_value value, size_t index) {
  wrun_value item = nothing;
  if (!entry(value, index, NULL, &item))
    wrun_misuse_(wrun_format("`%s` has no item %zu", wrun_as_json(value), index));
  return item;
}

const char *wrun_key(wrun_value value, size_t index) {
  wrun_value key = nothing, item;
  if (value.length < 2 || value.json[0] != '{' || !entry(value, index, &key, &item)) {
    wrun_misuse_(wrun_format("`%s` has no entry %zu", wrun_as_json(value), index));
    return "";
  }
  return wrun_as_text(key, NULL);
}

bool wrun_field_(wrun_value value, const char *name, wrun_value *found) {
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
  if (!wrun_field_(value, key, &found)) {
    wrun_misuse_(wrun_format("`%s` has no `%s`", wrun_as_json(value), key));
    return nothing;
  }
  return found;
}

wrun_value wrun_param_value(const wrun_args *args, const char *name) {
  wrun_value found = nothing;
  if (!wrun_field_(*args, name, &found)) {
    wrun_misuse_(wrun_format("this task has no param `%s`", name));
    return nothing;
  }
  return found;
}

bool wrun_is_null(wrun_value value) {
  return value.length == 4 && !memcmp(value.json, "null", 4);
}

const char *wrun_as_json(wrun_value value) {
  return wrun_copy_of_(value.json, value.length);
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
    wrun_misuse_("a text holds NUL: use wrun_text or wrun_as_text with a length");
  }
  return text;
}

int64_t wrun_as_int(wrun_value value) {
  const char *text = wrun_as_json(value);
  char *end;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno == ERANGE) wrun_misuse_(wrun_format("%s does not fit in 64 bits", text));
  else if (end == text || *end) wrun_misuse_(wrun_format("`%s` is no whole number", text));
  else return number;
  return 0;
}

double wrun_as_float(wrun_value value) {
  const char *text = wrun_as_text(value, NULL);
  char *end;
  double number = strtod(text, &end);
  if (end != text && !*end) return number;
  wrun_misuse_(wrun_format("`%s` is no number", text));
  return 0;
}

bool wrun_as_bool(wrun_value value) {
  if (value.length == 4 && !memcmp(value.json, "true", 4)) return true;
  if (!(value.length == 5 && !memcmp(value.json, "false", 5)))
    wrun_misuse_(wrun_format("`%s` is no bool", wrun_as_json(value)));
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
  if (!moment(&at, &time) || *at) wrun_misuse_(wrun_format("`%s` is no date or time", text));
  return time;
}

wrun_span wrun_as_interval(wrun_value value) {
  const char *text = wrun_as_text(value, NULL), *at = text;
  wrun_span span;
  if (!moment(&at, &span.start) || *at++ != '/' || !moment(&at, &span.end) || *at) {
    wrun_misuse_(wrun_format("`%s` is no interval", text));
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
