// Drawings are made when they come into view and again when something that they show has changed: two hundred charts
// cost what the few on screen cost.

const drawings = new Set();

class Drawing {
  // `draw` fills `node`; it may return a promise.
  constructor(node, draw) {
    this.node = node;
    this.draw = draw;
    this.visible = false;
    this.stale = true;
    this.width = 0;
    node.drawing = this;
    drawings.add(this);
    visibility.observe(node);
    sizes.observe(node);
  }

  invalidate() {
    this.stale = true;
    if (this.visible) schedule(this);
  }

  update() {
    if (!this.stale || !this.visible || !this.node.isConnected) return;
    this.stale = false;
    this.draw();
  }
}

const scheduled = new Set();

// All that one event changes is drawn in one frame.
function schedule(drawing) {
  if (scheduled.size === 0) {
    requestAnimationFrame(() => {
      const due = [...scheduled];
      scheduled.clear();
      due.forEach((each) => each.update());
    });
  }
  scheduled.add(drawing);
}

const visibility = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      const { drawing } = entry.target;
      drawing.visible = entry.isIntersecting;
      if (drawing.visible && drawing.stale) schedule(drawing);
    }
  },
  { rootMargin: "150px" },
);

const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const { drawing } = entry.target;
    const width = Math.round(entry.contentRect.width);
    if (width === drawing.width) continue;
    const first = drawing.width === 0;
    drawing.width = width;
    if (!first) drawing.invalidate();
  }
});

function invalidate_all() {
  for (const drawing of drawings) {
    if (drawing.node.isConnected) {
      drawing.invalidate();
    } else {
      visibility.unobserve(drawing.node);
      sizes.unobserve(drawing.node);
      drawings.delete(drawing);
    }
  }
}
