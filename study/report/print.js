// On paper every figure that can be drawn as SVG is: light, sharp, and whether or not it has been in view.

// Those in closed parts are left out, as the parts themselves are.
const is_printed = (node) => node.isConnected && !node.closest("[hidden]") && !node.closest("details:not([open])");

async function prepare_print() {
  for (const node of figures) {
    if (!node.isConnected) figures.delete(node);
    else if (node.drawing_of_figure.svg && is_printed(node)) {
      const svg = await (node.drawing_of_figure.print ?? node.drawing_of_figure.svg)();
      svg.style.maxWidth = `${svg.getAttribute("width")}px`; // no larger than it was drawn
      svg.removeAttribute("width");
      svg.removeAttribute("height");
      node.print_copy.replaceChildren(svg);
    }
  }
  document.documentElement.dataset.prepared = "print";
}

function forget_print() {
  for (const node of figures) node.print_copy.replaceChildren();
  delete document.documentElement.dataset.prepared;
}

// Unpacking takes a moment, which `beforeprint` does not give: so the page prints itself.
async function print_page() {
  await prepare_print();
  window.print();
}

addEventListener("afterprint", forget_print);
matchMedia("print").addEventListener("change", (event) => {
  if (event.matches && !document.documentElement.dataset.prepared) prepare_print();
});
