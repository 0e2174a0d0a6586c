// What can be saved: a figure with a title, a body, and a menu for SVG, PNG and CSV.

const figures = new Set();

// drawing: {title, note, body, controls, svg: () => SVG element or promise of one, csv: () => rows or promise of them,
// print: as svg, in the size for paper}
function figure(drawing) {
  const save = button("save", "Save", () => open_save_menu(save, drawing), {
    class: "quiet",
    "aria-haspopup": "true",
    "aria-label": `Save ${drawing.title}`,
  });
  const print_copy = element("div", { class: "print-copy" });
  const node = element(
    "figure",
    { class: `figure ${drawing.class ?? ""}` },
    element(
      "figcaption",
      {},
      element("span", { class: "figure-title" }, drawing.title),
      element("span", { class: "figure-tools" }, drawing.controls, save),
    ),
    drawing.note && element("p", { class: "note" }, drawing.note),
    element("div", { class: "figure-body" }, drawing.body),
    drawing.svg && print_copy,
  );
  node.drawing_of_figure = drawing;
  node.print_copy = print_copy;
  figures.add(node);
  return node;
}

// For a figure that comes to show something else.
function rename_figure(node, title) {
  node.drawing_of_figure.title = node.querySelector(".figure-title").textContent = title;
  node.querySelector("[data-control=save]").setAttribute("aria-label", `Save ${title}`);
}

let figure_to_save = null;

const save_menu = element(
  "div",
  { id: "save-menu", popover: "auto", role: "group", "aria-label": "Save as" },
  ["SVG", "PNG", "CSV"].map((format) =>
    button(`save-${format.toLowerCase()}`, format, () => {
      save_menu.hidePopover();
      savers[format](figure_to_save);
    }),
  ),
);

function open_save_menu(opener, drawing) {
  if (!save_menu.isConnected) document.body.append(save_menu);
  figure_to_save = drawing;
  const [svg, png] = save_menu.children;
  svg.hidden = png.hidden = !drawing.svg;
  save_menu.showPopover({ source: opener });
  const place = opener.getBoundingClientRect();
  save_menu.style.left = `${Math.max(8, Math.min(place.left, innerWidth - save_menu.offsetWidth - 8))}px`;
  save_menu.style.top = `${Math.min(place.bottom + 4, innerHeight - save_menu.offsetHeight - 8)}px`;
  save_menu.querySelector("button:not([hidden])").focus();
}

const savers = {
  async SVG(drawing) {
    const text = new XMLSerializer().serializeToString(await drawing.svg());
    offer(new Blob([text], { type: "image/svg+xml" }), `${file_name(drawing.title)}.svg`);
  },

  async PNG(drawing) {
    offer(await png_of(await drawing.svg()), `${file_name(drawing.title)}.png`);
  },

  async CSV(drawing) {
    offer(new Blob([csv_text(await drawing.csv())], { type: "text/csv" }), `${file_name(drawing.title)}.csv`);
  },
};

function offer(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  announce(`Saved ${name}`);
}

// At twice its size, which print and good screens need.
async function png_of(svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
  await image.decode();
  const canvas = element("canvas", { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// Said aloud by screen readers.
function announce(text) {
  document.getElementById("announcements").textContent = text;
}
