/*
 * The programs of the book's cookbook in C: its first ten recipes. They make what those in plugins/cookbook make;
 * the book includes pieces by their anchors, and its commands are run with this plugin too.
 */
#include <stdlib.h>
#include <string.h>
#include "wrun.h"

// ANCHOR: orders
/* Takes the next line of `product,amount` off a text: 1, or 0 at its end, or -1 where wrun_fail has said why. */
static int next_order(char **text, int *line, char **product, int64_t *amount) {
  char *at = *text, *end = at + strcspn(at, "\n"), *comma = memchr(at, ',', (size_t)(end - at)), *rest = comma;
  if (!*at) return 0;
  *text = *end ? end + 1 : end;
  *end = 0;
  ++*line;
  if (comma) *amount = strtoll(comma + 1, &rest, 10);
  if (rest == comma || rest == comma + 1 || *rest) {
    wrun_fail("line %d: `%s` is not `product,amount`", *line, at);
    return -1;
  }
  *comma = 0;
  *product = at;
  return 1;
}

/* Adds the amounts of a file of orders to a total. */
static int add_orders(const char *input, const char *name, int64_t *total) {
  char *text = wrun_read(input, name, NULL), *product;
  int64_t amount;
  int line = 0, more = -1;
  while (text && (more = next_order(&text, &line, &product, &amount)) > 0) *total += amount;
  return more ? WRUN_FAILED : WRUN_OK;
}

static int write_number(int64_t number) {
  const char *text = wrun_format("%lld", (long long)number);
  return wrun_write("value.json", text, strlen(text));
}
// ANCHOR_END: orders

// ANCHOR: day
static int day_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_external(plan, "file", wrun_format("%s/%s.csv", wrun_get(args, "orders"), wrun_get(args, "date")));
  return WRUN_OK;
}

static int day(const wrun_args *args) {
  (void)args;
  int64_t total = 0;
  return add_orders("file", NULL, &total) ? WRUN_FAILED : write_number(total);
}
// ANCHOR_END: day

// ANCHOR: month
/* The days of a month: from its first to the first of the next. */
static int64_t first_day(const wrun_args *args) {
  return wrun_days(wrun_when(args, "month"));
}

static int64_t next_month(const wrun_args *args) {
  wrun_time month = wrun_when(args, "month");
  return wrun_days((wrun_time){.year = month.year + month.month / 12, .month = month.month % 12 + 1, .day = 1});
}

static int month_requires(const wrun_args *args, wrun_plan *plan) {
  for (int64_t first = first_day(args), day = first; day < next_month(args); day++) {
    wrun_call *call = wrun_require(plan, wrun_format("%d", (int)(day - first)), "day-total");
    wrun_with(call, "date", wrun_date_text(wrun_from_days(day)));
    wrun_with_same(call, args, "orders");
  }
  return WRUN_OK;
}

static int month(const wrun_args *args) {
  int64_t total = 0, days = next_month(args) - first_day(args);
  for (int i = 0; i < days; i++) total += wrun_read_int(wrun_format("%d", i), "value.json");
  return write_number(total);
}
// ANCHOR_END: month

// ANCHOR: split
struct order {
  char *product;
  int64_t amount;
  int line;
};

static int by_product(const void *one, const void *two) {
  const struct order *a = one, *b = two;
  int order = strcmp(a->product, b->product);
  return order ? order : a->line - b->line;
}

static int split(const wrun_args *args) {
  (void)args;
  size_t length, count = 0;
  char *text = wrun_read("file", NULL, &length);
  if (!text) return WRUN_FAILED;
  struct order *orders = wrun_alloc((length + 1) * sizeof *orders);
  int line = 0, more;
  while ((more = next_order(&text, &line, &orders[count].product, &orders[count].amount)) > 0)
    orders[count++].line = line;
  if (more < 0) return WRUN_FAILED;
  qsort(orders, count, sizeof *orders, by_product);
  FILE *index = wrun_create("index.txt");
  for (size_t i = 0; index && i < count;) {
    const char *product = orders[i].product;
    FILE *out = wrun_create(wrun_format("products/%s.txt", product));
    if (!out) return WRUN_FAILED;
    for (; i < count && !strcmp(orders[i].product, product); i++) fprintf(out, "%lld\n", (long long)orders[i].amount);
    if (wrun_close(out)) return WRUN_FAILED;
    fprintf(index, "%s\n", product);
  }
  return wrun_close(index);
}
// ANCHOR_END: split

// ANCHOR: part
static wrun_call *require_split(const wrun_args *args, wrun_plan *plan) {
  wrun_call *call = wrun_require(plan, NULL, "split-products");
  wrun_with_same(call, args, "date");
  return wrun_with_same(call, args, "orders");
}

static int product_requires(const wrun_args *args, wrun_plan *plan) {
  /* This product's file, and nothing else of the split. */
  wrun_part(require_split(args, plan), wrun_format("products/%s.txt", wrun_get(args, "product")));
  return WRUN_OK;
}

static int product(const wrun_args *args) {
  (void)args;
  char *at = wrun_read("split-products", NULL, NULL), *end;
  int64_t total = 0;
  for (; at && *at; at = end + 1) {
    total += strtoll(at, &end, 10);
    if (end == at || *end != '\n') return wrun_fail("the amount `%.20s`", at);
  }
  return at ? write_number(total) : WRUN_FAILED;
}
// ANCHOR_END: part

// ANCHOR: ranking
struct rank {
  const char *product, *input;
  int64_t total;
};

static int by_total(const void *one, const void *two) {
  const struct rank *a = one, *b = two;
  return a->total != b->total ? (a->total < b->total) - (a->total > b->total) : strcmp(a->product, b->product);
}

static int ranking_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_part(require_split(args, plan), "index.txt");
  return WRUN_OK;
}

static int ranking(const wrun_args *args) {
  size_t length, count = 0;
  char *index = wrun_read("split-products", NULL, &length);
  if (!index) return WRUN_FAILED;
  struct rank *ranks = wrun_alloc((length + 1) * sizeof *ranks);
  for (char *name = strtok(index, "\n"); name; name = strtok(NULL, "\n")) {
    wrun_call *call = wrun_with(wrun_need(NULL, "product-total"), "product", name);
    wrun_with_same(wrun_with_same(call, args, "date"), args, "orders");
    ranks[count++] = (struct rank){name, wrun_input(call), 0};
  }
  if (wrun_await()) return WRUN_FAILED; /* suspends here */
  for (size_t i = 0; i < count; i++) ranks[i].total = wrun_read_int(ranks[i].input, "value.json");
  qsort(ranks, count, sizeof *ranks, by_total);
  FILE *out = wrun_create("value.txt");
  for (size_t i = 0; out && i < count; i++) fprintf(out, "%s %lld\n", ranks[i].product, (long long)ranks[i].total);
  return wrun_close(out);
}
// ANCHOR_END: ranking

// ANCHOR: between
static int between_requires(const wrun_args *args, wrun_plan *plan) {
  (void)plan;
  bool ordered = wrun_days(wrun_when(args, "from")) <= wrun_days(wrun_when(args, "to"));
  return ordered ? WRUN_OK : wrun_fail("`to` is before `from`");
}

static wrun_call *half(const wrun_args *args, int64_t from, int64_t to) {
  wrun_call *call = wrun_with(wrun_need(NULL, "between"), "from", wrun_date_text(wrun_from_days(from)));
  return wrun_with_same(wrun_with(call, "to", wrun_date_text(wrun_from_days(to))), args, "orders");
}

static int between(const wrun_args *args) {
  int64_t from = wrun_days(wrun_when(args, "from")), to = wrun_days(wrun_when(args, "to")), middle = (from + to) / 2;
  if (from == to) {
    wrun_call *day = wrun_with(wrun_need(NULL, "day-total"), "date", wrun_get(args, "from"));
    wrun_with_same(day, args, "orders");
    return wrun_await() ? WRUN_FAILED : write_number(wrun_read_int(wrun_input(day), "value.json"));
  }
  wrun_call *left = half(args, from, middle), *right = half(args, middle + 1, to);
  if (wrun_await()) return WRUN_FAILED;
  return write_number(wrun_read_int(wrun_input(left), "value.json") + wrun_read_int(wrun_input(right), "value.json"));
}
// ANCHOR_END: between

// ANCHOR: optional
static int labelled_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_external(plan, "orders", wrun_format("%s/%s.csv", wrun_get(args, "orders"), wrun_get(args, "date")));
  if (wrun_has(args, "names")) wrun_external(plan, "names", wrun_get(args, "names"));
  return WRUN_OK;
}

/* The name of a product in lines of `product,name`, or itself. */
static const char *name_of(const char *names, const char *product) {
  size_t length = strlen(product);
  for (const char *at = names; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
    if (!strncmp(at, product, length) && at[length] == ',')
      return wrun_format("%.*s", (int)strcspn(at + length + 1, "\n"), at + length + 1);
  return product;
}

static int labelled(const wrun_args *args) {
  char *text = wrun_read("orders", NULL, NULL), *product;
  const char *names = wrun_has(args, "names") ? wrun_read("names", NULL, NULL) : "";
  FILE *out = text && names ? wrun_create("value.txt") : NULL;
  int64_t amount;
  int line = 0, more = 0;
  while (out && (more = next_order(&text, &line, &product, &amount)) > 0)
    fprintf(out, "%s: %lld\n", name_of(names, product), (long long)amount);
  return more < 0 ? WRUN_FAILED : wrun_close(out);
}
// ANCHOR_END: optional

// ANCHOR: waiting
static int closing_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_time after = wrun_from_days(wrun_days(wrun_when(args, "date")) + 1);
  wrun_not_before(plan, "over", wrun_format("%sT00:00:00Z", wrun_date_text(after)));
  wrun_external_or_wait(plan, "orders", wrun_format("%s/%s.csv", wrun_get(args, "orders"), wrun_get(args, "date")));
  return WRUN_OK;
}

static int closing(const wrun_args *args) {
  (void)args;
  int64_t total = 0;
  return add_orders("orders", NULL, &total) ? WRUN_FAILED : write_number(total);
}
// ANCHOR_END: waiting

// ANCHOR: glob
static int everything_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_external(plan, "external", wrun_get(args, "files")); /* a file, a folder or a glob */
  return WRUN_OK;
}

static int everything(const wrun_args *args) {
  (void)args;
  const char *const *names = wrun_list("external", NULL);
  if (!names) return WRUN_FAILED;
  int64_t total = 0;
  for (; *names; names++)
    if (add_orders("external", *names, &total)) return WRUN_FAILED;
  return write_number(total);
}
// ANCHOR_END: glob

// ANCHOR: listing
static int sizes_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_listing(plan, "listing", wrun_get(args, "files")); /* names and sizes; the bytes are not read */
  return WRUN_OK;
}

static int sizes(const wrun_args *args) {
  (void)args;
  char *listing = wrun_read("listing", NULL, NULL);
  if (!listing) return WRUN_FAILED;
  unsigned long long files = 0, bytes = 0;
  for (char *line = strtok(listing, "\n"); line; line = strtok(NULL, "\n"), files++) bytes += strtoull(line, NULL, 10);
  const char *text = wrun_format("%llu files, %llu bytes\n", files, bytes);
  return wrun_write("value.txt", text, strlen(text));
}
// ANCHOR_END: listing

#define DATE {"date", WRUN_DATE, "Day of the orders"}
#define DATE_FIRST {"date", WRUN_DATE, "Day of the orders", .positional = true}
#define ORDERS {"orders", WRUN_PATH, "Folder with a file of orders a day", "\"orders\""}
#define FILES {"files", WRUN_PATH, "Files of orders", "\"orders/*.csv\""}
#define NUMBER WRUN_OUTPUTS({"value.json", WRUN_FILE})
#define TEXT WRUN_OUTPUTS({"value.txt", WRUN_FILE})

WRUN_PLUGIN("cookbook", "The programs of the book's cookbook",
  // ANCHOR: day-table
  {.name = "day-total", .doc = "Sum up the orders of one day", .params = WRUN_PARAMS(DATE_FIRST, ORDERS),
   .outputs = NUMBER, .requires = day_requires, .run = day},
  // ANCHOR_END: day-table
  // ANCHOR: month-table
  {.name = "month-total", .doc = "Sum up the orders of a month",
   .params = WRUN_PARAMS({"month", WRUN_MONTH, "Month of the orders", .positional = true}, ORDERS),
   .outputs = NUMBER, .requires = month_requires, .run = month},
  // ANCHOR_END: month-table
  // ANCHOR: split-table
  {.name = "split-products", .doc = "Split the orders of one day by product", .params = WRUN_PARAMS(DATE, ORDERS),
   .outputs = WRUN_OUTPUTS({"products", WRUN_DIRECTORY}, {"index.txt", WRUN_FILE}), .requires = day_requires,
   .run = split},
  // ANCHOR_END: split-table
  // ANCHOR: part-table
  {.name = "product-total", .doc = "Sum up the orders of one product on one day",
   .params = WRUN_PARAMS(DATE, {"product", WRUN_STRING, "Name of the product"}, ORDERS),
   .outputs = NUMBER, .requires = product_requires, .run = product},
  // ANCHOR_END: part-table
  // ANCHOR: ranking-table
  {.name = "ranking", .doc = "Rank the products of one day", .params = WRUN_PARAMS(DATE_FIRST, ORDERS),
   .outputs = TEXT, .requires = ranking_requires, .run = ranking, .dynamic = true},
  // ANCHOR_END: ranking-table
  // ANCHOR: between-table
  {.name = "between", .doc = "Sum up the orders from one day to another",
   .params = WRUN_PARAMS({"from", WRUN_DATE, "First day"}, {"to", WRUN_DATE, "Last day"}, ORDERS),
   .outputs = NUMBER, .requires = between_requires, .run = between, .dynamic = true},
  // ANCHOR_END: between-table
  // ANCHOR: optional-table
  {.name = "labelled", .doc = "List the orders of one day, by the products' names where they are known",
   .params = WRUN_PARAMS(DATE_FIRST, ORDERS,
                         {"names", WRUN_OPTIONAL(WRUN_PATH), "File with lines of `product,name`"}),
   .outputs = TEXT, .requires = labelled_requires, .run = labelled},
  // ANCHOR_END: optional-table
  // ANCHOR: waiting-table
  {.name = "closing", .doc = "Sum up a day that is over, as soon as its orders have come",
   .params = WRUN_PARAMS(DATE_FIRST, ORDERS), .outputs = NUMBER, .requires = closing_requires, .run = closing},
  // ANCHOR_END: waiting-table
  // ANCHOR: glob-table
  {.name = "everything", .doc = "Sum up every file of orders that there is", .params = WRUN_PARAMS(FILES),
   .outputs = NUMBER, .requires = everything_requires, .run = everything},
  // ANCHOR_END: glob-table
  // ANCHOR: listing-table
  {.name = "sizes", .doc = "Say how many files of orders there are, and how large", .params = WRUN_PARAMS(FILES),
   .outputs = TEXT, .requires = sizes_requires, .run = sizes})
  // ANCHOR_END: listing-table
