// The page: summary, failures, timeline, path, graph, table, and one task in detail. All text of others
// goes through `visible` and `textContent`.

const data = JSON.parse(document.getElementById("data").textContent);
const total = data.kind.length;
data.params = total ? data.params.split("\n") : [];
const get = (id) => document.getElementById(id);
const STATES = data.states;
const [CACHED, RAN, FAILED] = [0, 1, 2];

// Shows control characters, and marks that turn the direction of writing, as what they are.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff]|\udb40[\udc00-\udc7f]/g;
const named = (c) => {
  const code = c.codePointAt(0);
  if (code < 32) return String.fromCharCode(0x2400 + code);
  return code === 127 ? "␡" : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
};
const visible = (text) => text.replace(HIDDEN, named);
const lines = (text) => text.split("\n").map(visible).join("\n");

const count = (n) => n.toLocaleString("en-GB");
const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
function seconds(value) {
  const two = (n) => String(n).padStart(2, "0");
  const whole = Math.round(value);
  if (value < 0.0095) return `${(value * 1e3).toFixed(1)} ms`;
  if (value < 0.95) return `${Math.round(value * 1e3)} ms`;
  if (value < 9.5) return `${value.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
const sum = (values) => values.reduce((all, value) => all + value, 0);

function make(tag, attributes = {}, ...children) {
  const it = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) it.addEventListener(name.slice(2), value);
    else if (value !== undefined) it.setAttribute(name, value);
  }
  it.append(...children.filter((child) => child !== undefined));
  return it;
}
const dot = (state) => make("i", { class: `dot c-${STATES[state]}` });
const name = (task) => visible(data.kinds[data.kind[task]]);
const params = (task) => data.params[task];
const digest = (all, task) => all.slice(task * 12, task * 12 + 12).trim();
const why = (task) => (data.why[task] < 0 ? "" : data.texts[data.why[task]]);
const same = new Set(data.same);
const spells = new Map();
for (const [task, slot, start, end] of data.spells) {
  if (!spells.has(task)) spells.set(task, []);
  spells.get(task).push({ slot, start, end });
}
const ready = new Map(data.ready);
let backwards; // who needs a task; made when it is asked for
function neededBy(task) {
  if (!backwards) {
    backwards = Array.from({ length: total }, () => []);
    data.needs.forEach((needs, at) => needs.forEach((need) => backwards[need].push(at)));
  }
  return backwards[task];
}

// ---- Summary

const byState = STATES.map(() => 0);
data.state.forEach((state) => { byState[state] += 1; });
// In the order in which people look: what went wrong, what ran, what was there.
const ORDER = [2, 3, 4, 1, 0, 5].filter((state) => byState[state] > 0);

function summary() {
  const { totals } = data;
  const parts = [`${counted(total, "task")} in ${seconds(totals.seconds)}`];
  if (data.fromRecord) parts.push("nothing moved since it was built");
  get("lead").textContent = parts.join("; ");
  for (const state of ORDER) {
    get("bar").append(make("i", { class: `c-${STATES[state]}`, style: `flex: ${byState[state]} 0 0` }));
    const filter = () => { only(state); get("tasks").scrollIntoView(); get("query").focus({ preventScroll: true }); };
    get("legend").append(make("button", { type: "button", onclick: filter }, dot(state), make("b", {}, count(byState[state])), STATES[state]));
  }
  const ran = data.state.flatMap((state, task) => (state === RAN ? [task] : []));
  const took = sum(ran.map((task) => data.seconds[task]));
  const known = ran.filter((task) => data.usual[task] !== undefined);
  const usual = known.length && known.length === ran.length ? `usually ${seconds(sum(known.map((task) => data.usual[task])))}` : `of ${counted(ran.length, "task")}`;
  const ratio = total ? (byState[CACHED] / total) * 100 : 0;
  // 99.96 % is not all, and 0.04 % is not nothing.
  const shown = ratio > 99.9 && ratio < 100 ? "> 99.9" : ratio > 0 && ratio < 0.1 ? "< 0.1" : ratio.toFixed(ratio % 1 ? 1 : 0);
  const queued = sum(data.path.map((link) => link[2]));
  const path = sum(data.path.map(([, from, , end]) => end - from)) - queued;
  const slow = queued > 0.1 * path ? `; ${seconds(queued)} more without a slot` : "";
  const tile = (title, value, note) => get("tiles").append(make("div", {}, make("dt", {}, title), make("dd", {}, value), make("dd", {}, note)));
  tile("Hit ratio", `${shown} %`, `${count(byState[CACHED])} of ${counted(total, "task")}`);
  tile("Time saved", byState[CACHED] ? seconds(totals["saved-seconds"]) : "none", byState[CACHED] ? "by not running hits" : "no task was cached");
  tile("Running took", ran.length ? seconds(took) : "nothing", ran.length ? usual : "no task ran");
  tile("Critical path", data.path.length ? seconds(path) : "none", data.path.length ? `${counted(data.path.length, "task")}${slow}` : "nothing was waited for");
  if (data.notes.length) {
    get("notes").hidden = false;
    get("notes").querySelector("ul").append(...data.notes.map((note) => make("li", {}, visible(note))));
  }
}

function failures() {
  const failed = data.state.flatMap((state, task) => (state === FAILED ? [task] : []));
  if (!failed.length) return;
  get("failures").hidden = false;
  const cards = get("failures").querySelector(".cards");
  for (const task of failed.slice(0, 20)) {
    const log = data.log[task];
    cards.append(make("button", { type: "button", class: "failure", onclick: () => open(task) },
      make("strong", {}, name(task)), " ", make("code", {}, params(task)),
      make("p", {}, lines(why(task))), log ? make("pre", {}, lines(log)) : undefined));
  }
  if (failed.length > 20) cards.append(make("button", { type: "button", class: "hint", onclick: () => { only(FAILED); get("tasks").scrollIntoView(); } }, `… and ${count(failed.length - 20)} more, in the table`));
}

// ---- Timeline and path

const waited = (task) => {
  const [first] = spells.get(task) || [];
  const since = ready.get(task);
  return first && since !== undefined ? Math.max(first.start - since, 0) : 0;
};
// Of what a task needed, what ended last in this build.
function lastNeed(task) {
  const ends = data.needs[task].flatMap((need) => (spells.has(need) ? [[need, Math.max(...spells.get(need).map((spell) => spell.end))]] : []));
  return ends.reduce((best, end) => (best && best[1] >= end[1] ? best : end), undefined);
}

let timeline;
function times() {
  if (!data.spells.length) return;
  get("time").hidden = false;
  const slots = new Set(data.spells.map((spell) => spell[1])).size;
  get("time-hint").textContent = `${counted(slots, "slot")}; underlined is what the build waited for. Drag to zoom.`;
  const tip = get("tip");
  const hover = (task, place, width) => {
    tip.hidden = task < 0;
    if (task < 0) return;
    const said = [make("b", {}, name(task)), make("code", { class: "which" }, params(task).slice(0, 200)), make("br"), ...told(task).flatMap((line) => [line, make("br")])];
    tip.replaceChildren(...said.slice(0, -1));
    tip.style.transform = `translate(${Math.max(0, Math.min(place.x, width - tip.offsetWidth))}px, ${place.y}px)`;
  };
  const canvas = get("timeline");
  canvas.setAttribute("aria-label", `Timeline of ${counted(spells.size, "run")} on ${counted(slots, "slot")}. Arrow keys move, Enter opens.`);
  timeline = new Timeline(canvas, { spells: data.spells, ready: data.ready, path: data.path, total: data.totals.seconds }, {
    colours: STATES, colour: (task) => data.state[task], name, needs: (task) => data.needs[task], hover, pick: open,
  });
  document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => timeline.zoom(button.dataset.zoom)));
  if (data.path.length > 1) criticalPath();
}

// What a run waited for, in words.
function told(task) {
  const out = [];
  const mine = spells.get(task);
  const [first, held] = [mine[0], sum(mine.map((spell) => spell.end - spell.start))];
  out.push(`${STATES[data.state[task]]} in ${seconds(held)}${mine.length > 1 ? `, in ${mine.length} spells` : ""}, from ${seconds(first.start)} on`);
  const need = lastNeed(task);
  if (need) out.push(`last of what it needed: ${name(need[0])}, at ${seconds(need[1])}`);
  if (waited(task) > 0.0005) out.push(`waited ${seconds(waited(task))} for a slot`);
  return out;
}

function criticalPath() {
  const links = data.path.map(([task, from, queued, end]) => ({ task, from, queued, end, length: end - from }));
  const whole = links[links.length - 1].end;
  const most = 10;
  const longest = new Set(links.slice().sort((one, two) => two.length - one.length).slice(0, most));
  const list = make("ol");
  let left = [];
  const flush = () => {
    if (left.length) list.append(make("li", {}, make("span", {}, `… ${counted(left.length, "shorter task")}`, make("i"), make("span", { class: "number" }, seconds(sum(left.map((link) => link.length)))))));
    left = [];
  };
  for (const link of links) {
    if (!longest.has(link)) { left.push(link); continue; }
    flush();
    const at = (time) => `${(time / whole) * 100}%`;
    const share = make("span", { class: "share" });
    if (link.queued > whole / 500) share.append(make("i", { class: "queued", style: `left: ${at(link.from)}; width: ${at(link.queued)}` }));
    share.append(make("i", { class: `c-${STATES[data.state[link.task]]}`, style: `left: ${at(link.from + link.queued)}; width: ${at(link.length - link.queued)}` }));
    const title = link.queued > 0.0005 ? `of which ${seconds(link.queued)} waiting for a slot` : undefined;
    list.append(make("li", {}, make("button", { type: "button", title, onclick: () => open(link.task) },
      make("span", { class: "what" }, name(link.task), make("code", {}, params(link.task))), share, make("span", { class: "number" }, seconds(link.length)))));
  }
  flush();
  const queued = sum(links.map((link) => link.queued));
  const more = queued > whole / 500 ? `; hatched: ready, but no slot was free, ${seconds(queued)} in all` : "";
  const text = `Each task waited for the one above it, and the build for the last, ${seconds(whole)} of ${seconds(data.totals.seconds)}${more}.`;
  get("path").append(make("div", { class: "path" }, make("h3", {}, "Critical path"), make("p", {}, text), list));
}

// ---- Graph

function graph() {
  const svg = document.querySelector("svg.graph");
  const grouped = svg.querySelector("[data-kind]");
  get("graph-hint").textContent = !total ? "" : grouped ? "A box a task type, since there are many tasks. Click one to list its tasks." : "What is needed stands left of what needs it. Click a task to open it.";
  const pick = (box) => {
    if (box.dataset.task !== undefined) open(Number(box.dataset.task));
    else { setQuery(`task:${data.kinds[Number(box.dataset.kind)]}`); get("tasks").scrollIntoView(); }
  };
  const show = (box) => {
    svg.classList.toggle("picked", !!box);
    svg.querySelectorAll(".on, .near").forEach((it) => it.classList.remove("on", "near"));
    if (!box) return;
    box.classList.add("on");
    const at = box.dataset.box;
    svg.querySelectorAll(`.edges path[data-from="${at}"], .edges path[data-to="${at}"]`).forEach((edge) => {
      edge.classList.add("on");
      const other = edge.dataset.from === at ? edge.dataset.to : edge.dataset.from;
      svg.querySelector(`[data-box="${other}"]`).classList.add("near");
    });
  };
  // What went wrong is in sight.
  const frame = document.querySelector(".scroll");
  const first = svg.querySelector(".s-failed, .s-blocked, .s-waiting, .s-ran");
  if (first && svg.clientHeight > frame.clientHeight) {
    const [box, around] = [first.getBoundingClientRect(), frame.getBoundingClientRect()];
    frame.scrollTop = box.top - around.top - frame.clientHeight / 2;
    frame.scrollLeft = box.left - around.left - frame.clientWidth / 2;
  }
  const boxOf = (event) => event.target.closest(".box");
  svg.addEventListener("click", (event) => { const box = boxOf(event); if (box) pick(box); });
  svg.addEventListener("mouseover", (event) => show(boxOf(event)));
  svg.addEventListener("mouseleave", () => show(null));
  svg.addEventListener("focusin", (event) => show(boxOf(event)));
  svg.addEventListener("focusout", () => show(null));
  svg.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    pick(boxOf(event));
  });
}

// ---- Table

const COLUMNS = [
  { title: "State", order: (task) => ORDER.indexOf(data.state[task]) },
  { title: "Task", order: (task) => data.kinds[data.kind[task]] },
  { title: "Params", order: (task) => data.params[task] },
  { title: "Why", order: (task) => why(task) },
  { title: "Time", order: (task) => -data.seconds[task] },
];
const table = { query: "", states: new Set(), rows: [], sort: -1, up: true, at: -1, height: 32, texts: null };

function filter() {
  const words = table.query.toLowerCase().split(/\s+/).filter(Boolean);
  const kinds = words.filter((word) => word.startsWith("task:")).map((word) => word.slice(5));
  const rest = words.filter((word) => !word.startsWith("task:"));
  if (rest.length && !table.texts) {
    table.texts = data.params.map((text, task) => `${data.kinds[data.kind[task]]} ${text} ${STATES[data.state[task]]} ${why(task)}`.toLowerCase());
  }
  const named = kinds.length ? data.kinds.map((kind) => kinds.includes(kind.toLowerCase())) : null;
  const { states, texts } = table;
  // What went wrong and what ran stands before what was there.
  const heaps = STATES.map(() => []);
  for (let task = 0; task < total; task += 1) {
    if (states.size && !states.has(data.state[task])) continue;
    if (named && !named[data.kind[task]]) continue;
    if (rest.length && !rest.every((word) => texts[task].includes(word))) continue;
    heaps[data.state[task]].push(task);
  }
  const found = ORDER.flatMap((state) => heaps[state]);
  if (table.sort >= 0) {
    const key = COLUMNS[table.sort].order;
    const keys = new Map(found.map((task) => [task, key(task)]));
    const way = table.up ? 1 : -1;
    found.sort((one, two) => {
      const [a, b] = [keys.get(one), keys.get(two)];
      return way * (a < b ? -1 : a > b ? 1 : one - two);
    });
  }
  table.rows = found;
  table.at = -1;
  get("rows").scrollTop = 0;
  get("shown").textContent = found.length === total ? counted(total, "task") : `${count(found.length)} of ${counted(total, "task")}`;
  document.querySelectorAll(".chip").forEach((chip) => chip.setAttribute("aria-pressed", states.has(Number(chip.dataset.state))));
  paint();
}

function paint() {
  const { rows, height, at } = table;
  const box = get("rows");
  box.classList.toggle("few", rows.length * height < 400);
  get("space").style.height = `${Math.max(rows.length * height, rows.length ? 0 : 70)}px`;
  const first = Math.max(0, Math.floor(box.scrollTop / height) - 8);
  const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / height) + 8);
  const shown = rows.slice(first, last).map((task, i) => row(task, first + i, first + i === at));
  if (!rows.length) shown.push(make("p", { class: "none" }, total ? "No task matches." : "There are no tasks."));
  get("space").replaceChildren(...shown);
  get("table").setAttribute("aria-rowcount", rows.length + 1);
  if (at >= 0) box.setAttribute("aria-activedescendant", `row-${at}`);
  else box.removeAttribute("aria-activedescendant");
}

function row(task, at, active) {
  const state = data.state[task];
  const time = state === RAN || state === FAILED || state === CACHED ? seconds(data.seconds[task]) : "";
  const cell = (attributes, ...children) => make("span", { role: "gridcell", ...attributes }, ...children);
  const reason = visible(why(task));
  return make("div", { class: `row${active ? " at" : ""}`, role: "row", id: `row-${at}`, "aria-rowindex": at + 2, style: `top: ${at * table.height}px`, onclick: () => { table.at = at; paint(); open(task); } },
    cell({ class: `state i-${STATES[state]}` }, dot(state), STATES[state]), cell({ class: "name" }, name(task)),
    cell({ class: "which", title: params(task) }, params(task)), cell({ class: "why", title: reason }, reason), cell({ class: "number" }, time));
}

function move(to) {
  if (!table.rows.length) return;
  table.at = Math.min(Math.max(to, 0), table.rows.length - 1);
  const box = get("rows");
  const top = table.at * table.height;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + table.height > box.scrollTop + box.clientHeight) box.scrollTop = top + table.height - box.clientHeight;
  paint();
}

function setQuery(text) {
  table.query = text;
  table.states.clear();
  get("query").value = text;
  filter();
}
function only(state) {
  setQuery("");
  table.states.add(state);
  filter();
}

function tasks() {
  for (const [at, column] of COLUMNS.entries()) {
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => {
      // Up, down, and as it was.
      if (table.sort !== at) Object.assign(table, { sort: at, up: true });
      else if (table.up) table.up = false;
      else table.sort = -1;
      document.querySelectorAll(".columns button").forEach((other) => { other.dataset.sign = ""; other.parentElement.setAttribute("aria-sort", "none"); });
      if (table.sort >= 0) { button.dataset.sign = table.up ? "↑" : "↓"; button.parentElement.setAttribute("aria-sort", table.up ? "ascending" : "descending"); }
      filter();
    });
    get("columns").append(make("span", { role: "columnheader", "aria-sort": "none" }, button));
  }
  for (const state of ORDER) {
    const toggle = () => { if (!table.states.delete(state)) table.states.add(state); filter(); };
    get("chips").append(make("button", { type: "button", class: "chip", "data-state": state, "aria-pressed": "false", onclick: toggle }, dot(state), STATES[state]));
  }
  get("query").addEventListener("input", () => { table.query = get("query").value; filter(); });
  const box = get("rows");
  let due = false;
  const later = () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; paint(); }); } };
  box.addEventListener("scroll", later);
  new ResizeObserver(later).observe(box);
  const narrow = matchMedia("(max-width: 760px)");
  const fit = () => { table.height = narrow.matches ? 54 : 32; paint(); };
  narrow.addEventListener("change", fit);
  filter();
  fit();
}

// ---- One task

function link(task) {
  return make("li", {}, make("button", { type: "button", onclick: () => open(task) }, dot(data.state[task]), make("span", { class: "label" }, name(task), " ", make("code", {}, params(task)))));
}
function list(title, all) {
  if (!all.length) return [];
  const most = 40;
  const items = all.slice(0, most).map(link);
  if (all.length > most) items.push(make("li", { class: "more" }, `… and ${count(all.length - most)} more`));
  return [make("h3", {}, `${title} ${counted(all.length, "task")}`), make("ul", {}, ...items)];
}

function open(task) {
  const dialog = get("detail");
  const state = data.state[task];
  const facts = [];
  const fact = (title, value, mono) => { if (value) facts.push(make("dt", {}, title), make("dd", mono ? { class: "mono" } : {}, value)); };
  fact("Params", params(task), true);
  fact(state === RAN ? "Why it ran" : "Why", lines(why(task)));
  if (state === CACHED) fact("Saved", seconds(data.seconds[task]));
  if (state === RAN || state === FAILED) fact("Took", seconds(data.seconds[task]) + (data.usual[task] === undefined ? "" : `, usually ${seconds(data.usual[task])}`));
  if (spells.has(task)) fact("In this build", told(task).join("; "));
  if (same.has(task)) fact("Output", "the same bytes as before");
  for (const [title, all] of [["Key", data.key], ["Tree", data.output]]) {
    if (digest(all, task)) fact(title, `b3:${digest(all, task)}`, true);
  }
  const log = data.log[task];
  const title = make("h2", { id: "detail-name" }, name(task));
  dialog.replaceChildren(make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() }, "×"), title,
    make("p", { class: `state i-${STATES[state]}` }, dot(state), STATES[state]), make("dl", {}, ...facts),
    ...(log ? [make("h3", {}, "The end of its log"), make("pre", {}, lines(log))] : []),
    ...list("Needed", data.needs[task]), ...list("Needed by", neededBy(task)));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

// ---- Keyboard

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input");
  if (get("detail").open || event.ctrlKey || event.metaKey || event.altKey) return;
  const inTable = event.target.id === "rows" || event.target.id === "query" || event.target === document.body;
  const page = Math.max(1, Math.floor(get("rows").clientHeight / table.height) - 1);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (event.key === "/" && !typing) { get("tasks").scrollIntoView(); get("query").focus({ preventScroll: true }); get("query").select(); }
  else if (event.key === "Escape" && (typing || inTable)) { setQuery(""); if (typing) get("query").blur(); }
  else if (inTable && steps[event.key] && !(event.target === document.body && table.at < 0)) move(table.at + steps[event.key]);
  else if (event.target.id === "rows" && event.key === "Home") move(0);
  else if (event.target.id === "rows" && event.key === "End") move(table.rows.length - 1);
  else if (inTable && event.key === "Enter" && table.rows.length) open(table.rows[Math.max(table.at, 0)]);
  else if (event.key === "t" && !typing && timeline) { get("time").scrollIntoView(); get("timeline").focus({ preventScroll: true }); }
  else if (event.key === "g" && !typing) { get("picture").scrollIntoView(); document.querySelector(".scroll").focus({ preventScroll: true }); }
  else return;
  event.preventDefault();
});
get("detail").addEventListener("click", (event) => { if (event.target === get("detail")) get("detail").close(); });

summary();
failures();
times();
graph();
tasks();
