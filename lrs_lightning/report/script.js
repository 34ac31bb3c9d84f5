"use strict";
// What the page can do beyond being read: sorting, filtering, another number in the cells, dots of
// episodes, plain CSV. All text goes in as text, and nothing is fetched.

const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const make = (tag, attributes = {}, text = "") => {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.textContent = text;
  return made;
};

// --- tables ---------------------------------------------------------------------------------------

const numberOf = (text) => {
  const found = text.replaceAll(",", "").replace(/^[<(]\s*/, "").match(/^[+-]?\d+(\.\d+)?/);
  return found ? Number(found[0]) : NaN;
};

function compare(a, b) {
  const [x, y] = [numberOf(a), numberOf(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
  return Number.isNaN(x) ? a.localeCompare(b, undefined, { numeric: true }) : x - y;
}

function sortBy(table, column, heading) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  const text = (row) => row.cells[column].textContent.trim();
  const isEmpty = (t) => t === "" || t === "-";
  const rows = all("tr", table.tBodies[0]).sort((one, two) => {
    const [a, b] = [text(one), text(two)];
    if (isEmpty(a) !== isEmpty(b)) return isEmpty(a) ? 1 : -1; // the unknown stands last either way
    return descending ? compare(b, a) : compare(a, b);
  });
  table.tBodies[0].append(...rows);
  all("thead th", table).forEach((th) => th.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function makeSortable(table) {
  all("thead th", table).forEach((heading, column) => {
    const button = make("button", { type: "button", class: "sort" });
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, column, heading));
  });
}

function addFilter(table) {
  const rows = all("tr", table.tBodies[0]);
  if (rows.length < 8) return;
  const words = make("input", { type: "search", placeholder: "filter rows", "aria-label": "filter rows" });
  const count = make("span", { class: "note", role: "status" });
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  words.addEventListener("input", () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !wanted.every((word) => texts.get(row).includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
  });
  const bar = make("div", { class: "filter" });
  bar.append(words, count);
  table.parentElement.before(bar);
}

function chooseMeasure(group) {
  const table = group.parentElement.querySelector("table.matrix");
  const buttons = all("button", group);
  buttons.forEach((button) =>
    button.addEventListener("click", () => {
      const key = button.dataset.measure;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      all("td", table).forEach((cell) => (cell.textContent = cell.dataset[key] ?? "-"));
      all("thead th", table).forEach((th) => th.removeAttribute("aria-sort"));
    }),
  );
}

// --- CSV ------------------------------------------------------------------------------------------

async function textOf(link) {
  const packed = Uint8Array.from(atob(link.href.split("base64,")[1]), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function rowsOf(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\n") rows.push([]);
    if (end === "") break;
  }
  const [head, ...body] = rows.filter((row) => row.length > 1);
  return body.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])));
}

async function download(event) {
  const link = event.currentTarget;
  if (typeof DecompressionStream === "undefined" || link.dataset.plain) return; // as .csv.gz
  event.preventDefault();
  const plain = make("a", { download: link.download.replace(/\.gz$/, ""), "data-plain": "1" });
  plain.href = URL.createObjectURL(new Blob([await textOf(link)], { type: "text/csv" }));
  plain.click();
  URL.revokeObjectURL(plain.href);
}

// --- episodes -------------------------------------------------------------------------------------

function ended(row) {
  if (row.status !== "ok") return row.status;
  if (row.success === "1") return "success";
  return row.fell_at === "" ? "" : `fell at step ${row.fell_at}`;
}

function drawEpisodes(section, rows) {
  const [board, told] = [section.querySelector(".scatter"), section.querySelector(".told")];
  const pick = section.querySelector("select");
  const lanes = all(".key li", section);
  const names = lanes.map((lane) => lane.textContent);
  let dots = [];
  let current = -1;
  const round = (value) => Number(value).toLocaleString("en", { maximumSignificantDigits: 4 });
  const tell = (k) => {
    dots.forEach(({ dot }, i) => dot.classList.toggle("chosen", i === k));
    current = k;
    const row = dots[k].row;
    const parts = [row.policy, `seed ${row.seed}`, `return ${round(row.return)}`];
    told.textContent = [...parts, `${row.length} steps`, ended(row)].filter(Boolean).join(" · ");
  };
  const draw = () => {
    const played = rows.filter((row) => row.condition === pick.value && row.return !== "");
    const values = played.map((row) => Number(row.return));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const seeds = [...new Set(played.map((row) => row.seed))].sort((a, b) => a - b);
    board.replaceChildren();
    dots = [];
    names.forEach((name, lane) => {
      const own = played.filter((row) => row.method === name || row.policy === name);
      if (!own.length) return;
      const strip = make("div", { class: "lane" });
      const mark = lanes[lane].querySelector("svg");
      strip.append(make("bdi", {}, name));
      const field = make("div", { class: "field" });
      own.sort((a, b) => a.return - b.return).forEach((row) => {
        const dot = mark.cloneNode(true);
        dot.style.left = `${high > low ? (100 * (row.return - low)) / (high - low) : 50}%`;
        dot.style.top = `${(100 * (seeds.indexOf(row.seed) + 0.5)) / seeds.length}%`;
        dots.push({ dot, row });
        dot.addEventListener("mouseenter", () => tell(dots.findIndex((one) => one.dot === dot)));
        field.append(dot);
      });
      strip.append(field);
      board.append(strip);
    });
    const axis = make("div", { class: "lane ends" });
    const ends = make("div", { class: "field" });
    ends.append(make("span", {}, round(low)), make("span", {}, round(high)));
    axis.append(make("bdi", {}, "return"), ends);
    if (dots.length) board.append(axis);
    told.textContent = `${dots.length} episodes`;
    current = -1;
  };
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 };
  board.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || !dots.length) return;
    event.preventDefault();
    tell(Math.min(Math.max(current + steps[event.key], 0), dots.length - 1));
  });
  pick.addEventListener("change", draw);
  board.hidden = false;
  draw();
}

async function showEpisodes() {
  const board = document.querySelector(".scatter");
  const link = document.querySelector('a[data-csv="episodes"]');
  if (!board || !link || typeof DecompressionStream === "undefined") return;
  const section = board.closest("section");
  const rows = rowsOf(await textOf(link));
  all(".noscript", section).forEach((note) => note.remove());
  drawEpisodes(section, rows);
}

document.documentElement.classList.add("scripted");
all("table.sortable").forEach((table) => {
  makeSortable(table);
  addFilter(table);
});
all(".choice").forEach(chooseMeasure);
all("a[data-csv]").forEach((link) => link.addEventListener("click", download));
showEpisodes();
addEventListener("beforeprint", () => all("details").forEach((part) => (part.open = true)));
